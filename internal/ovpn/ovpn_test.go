package ovpn

import (
	"slices"
	"testing"
)

func TestTokens(t *testing.T) {
	for s, want := range map[string][]string{
		"remote vpn.example 443":         {"remote", "vpn.example", "443"},
		"\tcert  a.crt # the old one":    {"cert", "a.crt"},
		"; a comment":                    nil,
		`key "my keys/gw \"042\".key"`:   {"key", `my keys/gw "042".key`},
		`key 'C:\keys\gw.key'`:           {"key", `C:\keys\gw.key`},
		`key my\ keys/gw.key`:            {"key", "my keys/gw.key"},
		`push "dhcp-option DNS 1.1.1.1"`: {"push", "dhcp-option DNS 1.1.1.1"},
		`remote a#b 443`:                 {"remote", "a#b", "443"},
		`setenv EMPTY ""`:                {"setenv", "EMPTY", ""},
		`up "unclosed`:                   {"up", "unclosed"},
		"":                               nil,
	} {
		if got := Tokens(s); !slices.Equal(got, want) {
			t.Errorf("Tokens(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestQuotedIsReadBack(t *testing.T) {
	for _, s := range []string{"/etc/a b.key", `C:\x`, `say "hi"`, "", "plain", "#"} {
		if got := Tokens("key " + Quote(s)); len(got) != 2 || got[1] != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	}
}

func TestBlockTag(t *testing.T) {
	for line, want := range map[string]string{
		"<ca>": "ca", "  <tls-crypt>\r": "tls-crypt", "--<key>": "key", "<connection> # one of two": "connection",
		"</ca>": "", "<>": "", "<ca> more": "", "# <ca>": "", "remote a 443": "", "": "",
	} {
		if got := BlockTag(line); got != want {
			t.Errorf("BlockTag(%q) = %q, want %q", line, got, want)
		}
	}
}
