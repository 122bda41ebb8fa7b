package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNumber(t *testing.T) {
	file := filepath.Join(t.TempDir(), "status")
	text := "Name:\tedgeagent\nPss:\t  16404 kB\nPss_Anon:\t 7 kB\nvoluntary_ctxt_switches:\t42\nnonvoluntary_ctxt_switches:\t9\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{"Pss": 16404, "voluntary_ctxt_switches": 42, "absent": 0} {
		if got := number(file, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
}

// TestUsageGrows makes this process wait and work, and expects both to be counted.
func TestUsageGrows(t *testing.T) {
	before, err := readUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	ballast := make([]byte, 32<<20)
	for deadline := time.Now().Add(10 * time.Second); ; {
		for i := range ballast {
			ballast[i]++
		}
		after, err := readUsage(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after.wakeups > before.wakeups && after.cpu > before.cpu && after.rss >= before.rss+30 && after.peak >= after.rss && after.pss > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("before %+v, after %+v", before, after)
		}
		<-time.After(time.Millisecond)
	}
}

func TestUsageOfNobody(t *testing.T) {
	if u, err := readUsage(1 << 30); err == nil {
		t.Errorf("a process that is not there has %+v", u)
	}
}

func TestGuestsMemoryIsToldFromTheEmulators(t *testing.T) {
	smaps := `555577c80000-555578774000 rw-p 00000000 00:00 0                          [heap]
Size:              11216 kB
Rss:               10000 kB
100000010000-100000638000 r--p 00010000 08:01 42                         /usr/bin/edgeagent
Rss:                1000 kB
Pss:                 900 kB
14de13c00000-14de14800000 rw-p 00000000 00:00 0
Rss:                2000 kB
7f787a000000-7f787a228000 r--p 00000000 08:01 43                         /usr/bin/qemu-aarch64-static
Rss:                 500 kB
`
	guest, whole, err := residents(strings.NewReader(smaps))
	got := fmt.Sprintf("%.3f of %.3f MB", guest, whole)
	if want := "3.072 of 13.824 MB"; err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	if _, _, err := residents(strings.NewReader("555577c80000-555578774000 rw-p 0 00:00 0\nRss: 7 kB\n")); err == nil {
		t.Error("an emulator without a guest is no error")
	}
}
