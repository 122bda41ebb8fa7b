package config

import "strings"

// nameRule is what AWS, systemd or this program take as a name: letters and
// digits of ASCII and what also has, in bytes 1 to longest. A counted repetition
// in a regular expression would be unrolled at every start of every command.
type nameRule struct {
	also    string
	longest int
}

// accepts reports whether the whole of name keeps to the rule.
func (n nameRule) accepts(name string) bool {
	other := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(n.also, r))
	}
	return name != "" && len(name) <= n.longest && !strings.ContainsFunc(name, other)
}
