// Package phrase translates what the agent's parts, the kernel and the C library
// say in English. Journal and JSON keep their words, which can be searched for;
// the screens of people who read another language show these.
package phrase

import "strings"

// phrase is a sentence that another part of the agent, or the kernel, says in
// English, and what it is in another language. A star stands for what differs:
// the first one in the English text is the first in the other, unless that
// numbers them (*2).
type phrase struct{ english, other string }

// match returns what stands for the stars if text is this phrase.
func (p phrase) match(text string) (captured []string, ok bool) {
	pieces := strings.Split(p.english, "*")
	rest, found := strings.CutPrefix(text, pieces[0])
	if !found {
		return nil, false
	}
	for i, piece := range pieces[1:] {
		at := strings.Index(rest, piece)
		if i == len(pieces)-2 { // the last piece is the end of the text
			at = len(rest) - len(piece)
			if !strings.HasSuffix(rest, piece) {
				return nil, false
			}
		}
		if at < 0 {
			return nil, false
		}
		captured = append(captured, rest[:at])
		rest = rest[at+len(piece):]
	}
	return captured, rest == ""
}

// fill puts what was captured into the other language's text.
func (p phrase) fill(captured []string) string {
	var b strings.Builder
	next := 0
	for i := 0; i < len(p.other); i++ {
		switch c := p.other[i]; {
		case c != '*':
			b.WriteByte(c)
			continue
		case i+1 < len(p.other) && '1' <= p.other[i+1] && p.other[i+1] <= '9':
			i++
			next = int(p.other[i] - '1')
		}
		if next < len(captured) {
			b.WriteString(captured[next])
		}
		next++
	}
	return b.String()
}
