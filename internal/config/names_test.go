package config

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	tests := []struct {
		what    string
		accepts func(string) bool
		good    []string
		bad     []string
	}{
		{"thing", thingName.accepts, []string{"g", "gw-042", "A:b_c-9", strings.Repeat("x", 128)},
			[]string{"", "gw 042", "gw/042", "gw.042", "ｇｗ", "gw\n", strings.Repeat("x", 129)}},
		{"link", linkName.accepts, []string{"vpn", "canal_2", strings.Repeat("x", 32)}, []string{"", "a:b", strings.Repeat("x", 33)}},
		{"unit", isService, []string{"soratun@wg0.service", `dev-a\x2db.service`, strings.Repeat("x", 240) + ".service"},
			[]string{"", ".service", "soratun", "soratun.timer", "a b.service", "a/b.service", strings.Repeat("x", 241) + ".service"}},
		{"host", isHostname, []string{"a", "a-b.example", "9.example", strings.Repeat("x", 63) + ".example"},
			[]string{"", "-a.example", "a-.example", "a..example", "a_b.example", strings.Repeat("x", 64) + ".example"}},
		{"service", serviceName.accepts, []string{"SSH", "web:8080"}, []string{"", "S SH", "SSH.1"}},
	}
	for _, tc := range tests {
		for _, name := range tc.good {
			if !tc.accepts(name) {
				t.Errorf("%s %q is refused", tc.what, name)
			}
		}
		for _, name := range tc.bad {
			if tc.accepts(name) {
				t.Errorf("%s %q is accepted", tc.what, name)
			}
		}
	}
}
