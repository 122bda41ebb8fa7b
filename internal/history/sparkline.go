package history

import "strings"

// Levels of a sparkline from low to high. The second set is for consoles that
// show nothing but ASCII.
const (
	blocks = "▁▂▃▄▅▆▇█"
	ascii  = "_.-=+*#@"
)

// unknown stands for a minute without a value.
const unknown = ' '

// Sparkline draws the last width values in one line, scaled from zero to the
// largest of them; plain uses ASCII only.
func Sparkline(values []*float64, width int, plain bool) string {
	levels := []rune(blocks)
	if plain {
		levels = []rune(ascii)
	}
	values = values[max(0, len(values)-width):]
	top := 0.0
	for _, v := range values {
		if v != nil {
			top = max(top, *v)
		}
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(string(unknown), width-len(values)))
	for _, v := range values {
		switch {
		case v == nil:
			b.WriteRune(unknown)
		case top == 0:
			b.WriteRune(levels[0])
		default:
			b.WriteRune(levels[min(int(*v/top*float64(len(levels))), len(levels)-1)])
		}
	}
	return b.String()
}
