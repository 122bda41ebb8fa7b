package tunnel

import (
	"net/url"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	line := "GET /?t=" + url.QueryEscape(secret) + " access-token: " + secret + " client " + secret + secret
	got := redact(line, secret, "")
	if strings.Contains(got, secret) || strings.Contains(got, url.QueryEscape(secret)) || strings.Count(got, redacted) != 4 {
		t.Errorf("got %s", got)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                  "plain",
		"a\x1b[31m\nb\t\u00e9":   "a?[31m?b??",
		"\xff\xfe":               "??",
		strings.Repeat("x", 10):  "xxxxxxxxxx",
		strings.Repeat("x", 11):  "xxxxxxxxxx...",
		strings.Repeat("é", 500): "??????????...",
	} {
		if got := clean(in, 10); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1 kB", 99_999: "99 kB", 300_000: "0.3 MB", 1_249_000: "1.2 MB", 25_000_000_000: "25.0 GB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}
