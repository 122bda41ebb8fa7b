package bundle

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// hidden stands for what was taken out.
const hidden = "[...]"

// leastSecret is how long a known secret must be to be looked for: a PIN of
// four digits would take every year out of the log.
const leastSecret = 6

// pattern is a shape of secret; keep is the part of a match that stays.
type pattern struct {
	shape *regexp.Regexp
	keep  string
}

// blocks find secrets of several lines. Certificates go with the keys: their
// dates are in the check's report.
var blocks = sync.OnceValue(func() []pattern {
	return []pattern{
		{regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*-----.*?(-----END [A-Z0-9 ]*-----|\z)`), hidden},
		// What a cut has left of one.
		{regexp.MustCompile(`(?s)\A[A-Za-z0-9+/=\s]{100,}-----END [A-Z0-9 ]*-----`), hidden},
		{regexp.MustCompile(`(?si)<(key|cert|ca|extra-certs|tls-auth|tls-crypt|tls-crypt-v2|secret|pkcs12|auth-user-pass)>.*?(</(key|cert|ca|extra-certs|tls-auth|tls-crypt|tls-crypt-v2|secret|pkcs12|auth-user-pass)>|\z)`), "<$1>" + hidden},
	}
})

// suspects are in every line that lines can change. Looking for them first makes
// a log of megabytes a matter of a second on the smallest Pi.
var suspects = [][]byte{[]byte("pass"), []byte("secret"), []byte("token"), []byte("psk"), []byte("key"), []byte("credential"),
	[]byte("authorization"), []byte("bearer"), []byte("basic"), []byte("pin"), []byte("puk"), []byte("://"), []byte("akia"),
	[]byte("asia"), []byte("eyj"), []byte("パスワード"), []byte("パスフレーズ"), []byte("暗証"), []byte("秘密"), []byte("トークン"), []byte("鍵")}

func suspect(line []byte) bool {
	line = bytes.ToLower(line)
	return slices.ContainsFunc(suspects, func(word []byte) bool { return bytes.Contains(line, word) })
}

// lines find secrets by their shape, whoever wrote them.
var lines = sync.OnceValue(func() []pattern {
	return []pattern{
		// name = value, name: value, "name": "value", --name value, NAME=value; the
		// name may have more in front and behind: clientAccessToken, wifi-sec.psk.
		{regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:password|passwd|passphrase|passcode|secret|token|psk|apikey|api[-_]key|access[-_]key|private[-_]key|credential|authorization|pin[-_]?code|puk|wep[-_]key)[a-z0-9_.-]*"?'?\s*[:=]\s*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|(?:bearer|basic)\s+\S+|[^\s,;}\]]+)`), "${1}" + hidden},
		{regexp.MustCompile(`(?i)(--?(?:password|passwd|access-token|client-token|token|secret)\s+)\S+`), "${1}" + hidden},
		{regexp.MustCompile(`(?i)\b((?:password|passphrase|token|psk|pin|puk|secret)\s+(?:is|was|used|given|set to)?\s*)("[^"\n]*"|'[^'\n]*'|\S*[0-9]\S*)`), "${1}" + hidden},
		{regexp.MustCompile(`(?i)\b((?:bearer|basic)\s+)[a-z0-9+/=._-]{8,}`), "${1}" + hidden},
		// The notes of technicians who write Japanese.
		{regexp.MustCompile(`((?:パスワード|パスフレーズ|暗証番号|秘密鍵|秘密|トークン|共有鍵|暗号鍵|鍵)\s*(?:[::==はをがの]|->|→)*\s*)("[^"\n]*"|「[^」\n]*」|[!-~]{4,})`), "${1}" + hidden},
		// user:password@host
		{regexp.MustCompile(`(\w+://[^\s/:@]*:)[^\s/@]+(@)`), "${1}" + hidden + "${2}"},
		// AWS access keys, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
		{regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), hidden},
		// JSON Web Tokens.
		{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), hidden},
	}
})

// leastKey is how long a run of letters must be to be taken for a key.
const leastKey = 32

// leastHex is the same for hex digits: shorter ones are ids and checksums.
const leastHex = 64

// redactor takes secrets out of text.
type redactor struct{ known [][]byte }

// newRedactor also looks for known values, in every line of them: a key is
// seldom quoted as a whole.
func newRedactor(secrets []string) *redactor {
	var r redactor
	for _, s := range secrets {
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); len(line) >= leastSecret && !strings.HasPrefix(line, "-----") {
				r.known = append(r.known, []byte(line))
			}
		}
	}
	// The longest first: one secret may begin with another.
	slices.SortFunc(r.known, func(a, b []byte) int { return len(b) - len(a) })
	r.known = slices.CompactFunc(r.known, bytes.Equal)
	return &r
}

func (r *redactor) clean(text []byte) []byte {
	for _, secret := range r.known {
		text = bytes.ReplaceAll(text, secret, []byte(hidden))
	}
	if bytes.Contains(text, []byte("-----")) || bytes.IndexByte(text, '<') >= 0 {
		for _, p := range blocks() {
			text = p.shape.ReplaceAll(text, []byte(p.keep))
		}
	}
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		if suspect(line) {
			for _, p := range lines() {
				line = p.shape.ReplaceAll(line, []byte(p.keep))
			}
		}
		out.Write(line)
	}
	return withoutKeys(out.Bytes())
}

// withoutKeys replaces every run of letters that is as long as a key and looks
// like one.
func withoutKeys(text []byte) []byte {
	var out bytes.Buffer
	for len(text) > 0 {
		n := runLength(text)
		if n == 0 {
			out.WriteByte(text[0])
			text = text[1:]
			continue
		}
		if n >= leastKey && looksRandom(text[:n]) {
			out.WriteString(hidden)
		} else {
			out.Write(text[:n])
		}
		text = text[n:]
	}
	return out.Bytes()
}

// runLength is how many bytes at the beginning are of base64's alphabets.
func runLength(text []byte) int {
	for i, c := range text {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '/' && c != '_' && c != '=' && c != '-' {
			return i
		}
	}
	return len(text)
}

// looksRandom tells a key from a path, a name or a rule of dashes: upper case,
// lower case and digits all mixed, or nothing but many hex digits.
func looksRandom(run []byte) bool {
	var upper, lower, digit, slash int
	hex := true
	for _, c := range run {
		hex = hex && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F')
		switch {
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= '0' && c <= '9':
			digit++
		case c == '/':
			slash++
		}
	}
	if hex {
		return len(run) >= leastHex
	}
	// A path of words has a slash every few letters and hardly a digit.
	return upper >= 3 && lower >= 3 && digit >= 3 && slash*8 < len(run)
}
