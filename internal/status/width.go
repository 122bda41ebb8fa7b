package status

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// wide are the ranges that take two columns (Unicode Standard Annex 11, W and
// F), as far as Japanese text and the names in it need them.
var wide = [][2]rune{
	{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff},
	{0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
}

// runeWidth is in columns of a terminal.
func runeWidth(r rune) int {
	if r < 0x1100 {
		if unicode.In(r, unicode.Mn, unicode.Me) {
			return 0
		}
		return 1
	}
	for _, w := range wide {
		if w[0] <= r && r <= w[1] {
			return 2
		}
	}
	return 1
}

// Width is the number of columns that s takes on a terminal.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// pad fills s up with spaces to a number of columns.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-Width(s)))
}

// Characters that must not begin or end a line (JIS X 4051).
const (
	notFirst = "、。，．・：；？！)]}」』】〉》ー々ゃゅょっァィゥェォャュョッ…,.:;?!%"
	notLast  = "([{「『【〈《`"
)

// between tells whether a line may end between two characters of one word: at a
// script without spaces, with the punctuation that clings to it.
func between(last, next rune) bool {
	return (runeWidth(last) == 2 || runeWidth(next) == 2) &&
		!strings.ContainsRune(notFirst, next) && !strings.ContainsRune(notLast, last)
}

// clings tells whether a reader would rather have both on one line: an ending or
// a particle with what it belongs to, and the characters of one word.
func clings(last, next rune) bool {
	for _, script := range []*unicode.RangeTable{unicode.Han, unicode.Katakana} {
		if unicode.Is(script, next) {
			return unicode.Is(script, last) || last == 'ー'
		}
	}
	return unicode.Is(unicode.Hiragana, next) && !strings.ContainsRune("。、", last)
}

// chunk cuts off text the first part that a line should end with: what a reader
// takes in at once, and a command in backquotes as a whole, for it is copied.
func chunk(text string) (first, rest string) {
	quoted, last := false, '。'
	for at, next := range text {
		switch {
		case next == '`':
			quoted = !quoted
			if quoted && at > 0 && between(last, next) {
				return text[:at], text[at:]
			}
		case quoted || runeWidth(next) == 0:
		case next == ' ':
			if after, _ := utf8.DecodeRuneInString(text[at+1:]); !clings('`', after) {
				return text[:at], text[at:]
			}
		case at > 0 && between(last, next) && !clings(last, next):
			return text[:at], text[at:]
		}
		if runeWidth(next) > 0 { // an accent belongs to the character before it
			last = next
		}
	}
	return text, ""
}

// piece cuts off text the first part that a line can end with at all.
func piece(text string) (first, rest string) {
	last := '`' // nothing stands alone after it
	for at, next := range text {
		if next == ' ' || at > 0 && runeWidth(next) > 0 && between(last, next) {
			return text[:at], text[at:]
		}
		if runeWidth(next) > 0 {
			last = next
		}
	}
	return text, ""
}

// printable replaces what could move the cursor or colour the screen: details
// hold words of servers and of other programs.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

// Wrap writes text after head, further lines indented, no line over width
// columns unless a single word is. Nothing in text can command a terminal.
func Wrap(head string, indent int, text string, width int) string {
	var b strings.Builder
	b.WriteString(head)
	column, first := Width(head), true
	for rest := printable(strings.Join(strings.Fields(text), " ")); rest != ""; first = false {
		text := strings.TrimPrefix(rest, " ")
		gap := rest[:len(rest)-len(text)]
		var part string
		if part, rest = chunk(text); Width(part) > width-indent {
			part, rest = piece(text)
		}
		if !first && column+len(gap)+Width(part) > width {
			gap = "\n" + strings.Repeat(" ", indent)
			column = 0
		}
		b.WriteString(gap + part)
		column += Width(strings.TrimPrefix(gap, "\n")) + Width(part)
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}
