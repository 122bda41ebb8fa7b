// Package ovpn splits the lines of OpenVPN's configuration files as OpenVPN
// does. What the lines mean is for its users: the link, and the configuration's
// look at the files that an .ovpn file names.
//
// It is a leaf: it imports nothing of the project.
package ovpn

import "strings"

// Tokens splits a configuration line into its words as OpenVPN does: a
// backslash keeps the next byte, double quotes keep blanks, single quotes keep
// everything, and # or ; at the start of a word begins a comment.
// https://github.com/OpenVPN/openvpn/blob/release/2.6/src/openvpn/options_util.c
func Tokens(s string) []string {
	var words []string
	for {
		s = strings.TrimLeft(s, " \t\r\n\v\f")
		if s == "" || s[0] == '#' || s[0] == ';' {
			return words
		}
		var word string
		word, s = token(s)
		words = append(words, word)
	}
}

// token takes the first word off s, which does not begin with a blank.
func token(s string) (word, rest string) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == '\'' && c != '\'':
			b.WriteByte(c)
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case quote != 0 && c == quote:
			return b.String(), s[i+1:]
		case quote == 0 && b.Len() == 0 && i == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && strings.IndexByte(" \t\r\n\v\f", c) >= 0:
			return b.String(), s[i:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// Quote writes a value so that Tokens reads it back as one word.
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// BlockTag returns the name of the inline block that a line opens, or "".
func BlockTag(raw string) string {
	words := Tokens(raw)
	if len(words) != 1 {
		return ""
	}
	tag := strings.TrimPrefix(words[0], "--")
	if len(tag) < 3 || tag[0] != '<' || tag[len(tag)-1] != '>' || tag[1] == '/' {
		return ""
	}
	return tag[1 : len(tag)-1]
}
