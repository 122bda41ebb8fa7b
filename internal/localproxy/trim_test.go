package localproxy

import "testing"

func TestOnlyWhatCannotChangeIsDropped(t *testing.T) {
	for line, want := range map[string]bool{
		"00400000-00a9f000 r-xp 00000000 08:01 123                                /usr/bin/edgeagent":   true,
		"00a9f000-00f00000 r--p 0069f000 08:01 123                                /usr/bin/edgeagent":   true,
		"00f00000-00f50000 rw-p 00b00000 08:01 123                                /usr/bin/edgeagent":   false,
		"00f00000-00f50000 r-xs 00b00000 08:01 123                                /usr/bin/edgeagent":   false,
		"00400000-00a9f000 r-xp 00000000 08:01 123                                /usr/bin/edgeagent.x": false,
		"7ffd1000-7ffd2000 r-xp 00000000 00:00 0                                  [vdso]":               false,
		"c000000000-c000400000 rw-p 00000000 00:00 0":                                                   false,
		"": false,
	} {
		if _, _, got := readOnlyPart(line, "/usr/bin/edgeagent"); got != want {
			t.Errorf("%q: %t, want %t", line, got, want)
		}
	}
	start, length, _ := readOnlyPart("00400000-00a9f000 r-xp 00000000 08:01 1 /x", "/x")
	if start != 0x400000 || length != 0x69f000 {
		t.Errorf("%#x, %#x", start, length)
	}
}

func TestTrimmedProgramGoesOn(t *testing.T) {
	for range 3 {
		if err := Trim(); err != nil {
			t.Fatal(err)
		}
	}
}
