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

// piece cuts off text the first part that a line break may follow: a character
// of a script without spaces, with the punctuation that clings to it, or a run
// of others. Text has no spaces.
func piece(text string) (first, rest string) {
	last, end := utf8.DecodeRuneInString(text)
	for end < len(text) {
		next, size := utf8.DecodeRuneInString(text[end:])
		breakable := runeWidth(next) > 0 && (runeWidth(last) == 2 || runeWidth(next) == 2)
		if breakable && !strings.ContainsRune(notFirst, next) && !strings.ContainsRune(notLast, last) {
			break
		}
		if runeWidth(next) > 0 { // an accent belongs to the character before it
			last = next
		}
		end += size
	}
	return text[:end], text[end:]
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
	for word := range strings.FieldsSeq(text) {
		word = printable(word)
		gap := 1 // before the first piece of a word
		for word != "" {
			var part string
			part, word = piece(word)
			switch {
			case first:
				first = false
			case column+gap+Width(part) > width:
				b.WriteString("\n" + strings.Repeat(" ", indent))
				column = indent
			default:
				b.WriteString(strings.Repeat(" ", gap))
				column += gap
			}
			gap = 0
			b.WriteString(part)
			column += Width(part)
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}
