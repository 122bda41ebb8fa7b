package plot

import (
	"fmt"
	"html"
	"strings"
)

// entry is one series in the legend.
type entry struct {
	name, colour string
	x            int
}

// legendRow is one line of the legend.
type legendRow []entry

// legend sets the names of the series in rows above the canvas. Only one
// series that has no name needs none.
func (p Plot) legend() (rows []legendRow) {
	x := left
	for i, s := range p.Series {
		if s.Name == "" {
			continue
		}
		// No font can be measured here: seven units a character are enough.
		size := 2*legendWidth + 7*len([]rune(s.Name))
		if len(rows) == 0 || x > left && x+size > width-right {
			rows, x = append(rows, nil), left
		}
		last := len(rows) - 1
		rows[last] = append(rows[last], entry{s.Name, colour(i), x})
		x += size
	}
	return rows
}

func (r legendRow) draw(y int) string {
	var b strings.Builder
	for _, e := range r {
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="10" height="10" rx="2" fill="%s"/>`, e.x, y-9, e.colour)
		fmt.Fprintf(&b, `<text class="ink" x="%d" y="%d">%s</text>`+"\n", e.x+legendWidth, y, escape(e.name))
	}
	return b.String()
}

// escape makes a text safe inside of an element and of an attribute.
func escape(s string) string { return html.EscapeString(s) }
