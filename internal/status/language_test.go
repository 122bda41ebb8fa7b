package status

import "testing"

func TestLocaleFrom(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  map[string]string
		want Locale
	}{
		{"nothing set", nil, Locale{}},
		{"LANG", map[string]string{"LANG": "ja_JP.UTF-8"}, Locale{Japanese, true}},
		{"utf8 by another spelling", map[string]string{"LANG": "ja_JP.utf8@x"}, Locale{Japanese, true}},
		{"no charset", map[string]string{"LANG": "ja"}, Locale{Japanese, true}},
		{"EUC", map[string]string{"LANG": "ja_JP.eucJP"}, Locale{}},
		{"English", map[string]string{"LANG": "en_GB.UTF-8"}, Locale{English, true}},
		{"English without charset", map[string]string{"LANG": "en_GB"}, Locale{}},
		{"C.UTF-8", map[string]string{"LANG": "C.UTF-8"}, Locale{English, true}},
		{"LC_ALL wins", map[string]string{"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "ja_JP.UTF-8", "LC_ALL": "C"}, Locale{}},
		{"LC_MESSAGES before LANG", map[string]string{"LANG": "en_GB.UTF-8", "LC_MESSAGES": "ja_JP.UTF-8"}, Locale{Japanese, true}},
		{"charset is LC_CTYPE's", map[string]string{"LANG": "ja_JP.UTF-8", "LC_CTYPE": "C"}, Locale{}},
		{"LC_ALL alone", map[string]string{"LC_ALL": "ja_JP.UTF-8", "LANG": "C"}, Locale{Japanese, true}},
		{"an empty LC_ALL is none", map[string]string{"LC_ALL": "", "LANG": "ja_JP.UTF-8"}, Locale{Japanese, true}},
	} {
		if got := LocaleFrom(func(k string) string { return tc.env[k] }); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func TestASCIITerminal(t *testing.T) {
	for term, want := range map[string]bool{"": true, "dumb": true, "linux": true, "vt220": true, "xterm-256color": false, "tmux": false} {
		if got := ASCIITerminal(term); got != want {
			t.Errorf("%q: %v", term, got)
		}
	}
}
