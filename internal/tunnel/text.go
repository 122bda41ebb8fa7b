package tunnel

import (
	"fmt"
	"net/url"
	"strings"
)

// redacted stands where a secret was.
const redacted = "[token]"

// redact replaces every secret in s, in plain or URL-escaped form.
func redact(s string, secrets ...string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		s = strings.ReplaceAll(s, secret, redacted)
		if escaped := url.QueryEscape(secret); escaped != secret {
			s = strings.ReplaceAll(s, escaped, redacted)
		}
	}
	return s
}

// clean makes foreign text fit for a log line and a serial console: printable
// ASCII, at most limit characters.
func clean(s string, limit int) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() == limit {
			b.WriteString("...")
			break
		}
		if r < ' ' || r > '~' {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// size renders a number of bytes: "0.3 MB", "12 kB".
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 100_000:
		return fmt.Sprintf("%d kB", n/1000)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
