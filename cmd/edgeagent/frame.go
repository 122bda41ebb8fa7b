package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"edgeagent/internal/status"
)

// Control sequences of ANSI terminals (ECMA-48). Drawing over the old screen
// does not flicker; clearing it first would.
const (
	clearScreen = "\x1b[2J"
	cursorHome  = "\x1b[H"
	cursorTo    = "\x1b[%dH" // the beginning of a line
	clearToEOL  = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// repaintEvery is how long what another program wrote on the screen stays there,
// such as the kernel on a serial console.
const repaintEvery = 30 * time.Second

// frame is what is on the terminal.
type frame struct {
	lines         []string
	width, height int // of the terminal
	painted       time.Time
}

// redraw brings s onto the terminal. Only lines that changed are sent: at 9600
// baud a whole screen takes the better part of a second.
func (o *screen) redraw(ctx context.Context, s status.Snapshot) error {
	text, more := o.text(s), ""
	if o.hour != nil && !silent(s) { // who does not answer is not asked for more
		more = o.hour.lines(ctx, o.options, o.plain)
	}
	next := frame{painted: time.Now()}
	next.lines = strings.Split(strings.TrimSuffix(o.fit(text, more), "\n"), "\n")
	if o.size != nil {
		next.width, next.height = o.size()
	}
	out := next.over(&o.drawn)
	o.drawn = next
	_, err := fmt.Fprint(o.w, out)
	return err
}

// over is what makes f of the frame last, which it takes the time from if nothing
// was painted anew.
func (f *frame) over(last *frame) string {
	var b strings.Builder
	switch {
	case last.lines == nil:
		b.WriteString(clearScreen)
	case last.width == f.width && last.height == f.height && f.painted.Sub(last.painted) < repaintEvery:
		if slices.Equal(f.lines, last.lines) || !slices.ContainsFunc(slices.Concat(f.lines, last.lines), f.broken) {
			f.painted = last.painted
			return f.changed(last.lines)
		}
	}
	b.WriteString(cursorHome)
	for _, line := range f.lines {
		b.WriteString(f.whole(line) + "\n")
	}
	b.WriteString(clearBelow)
	return b.String()
}

// changed rewrites the lines that were others, and leaves the cursor below all.
func (f *frame) changed(old []string) string {
	if slices.Equal(f.lines, old) {
		return ""
	}
	var b strings.Builder
	for i, line := range f.lines {
		if i >= len(old) || line != old[i] {
			fmt.Fprintf(&b, cursorTo+"%s", i+1, f.whole(line))
		}
	}
	fmt.Fprintf(&b, cursorTo+clearBelow, len(f.lines)+1)
	return b.String()
}

// broken reports whether the terminal gives a line more than one row, such as a
// command that is to be copied. Nobody knows in which row the next one is, then.
func (f *frame) broken(line string) bool { return columns(line) > f.columns() }

func (f *frame) columns() int {
	if f.width == 0 {
		return defaultColumns
	}
	return f.width
}

// whole is a line with nothing of the old one behind it. Behind a line that fills
// its row nothing can be: there a terminal would erase the last character.
func (f *frame) whole(line string) string {
	if columns(line) >= f.columns() {
		return line
	}
	return line + clearToEOL
}

// columns is the width of a line without its colours.
func columns(line string) int {
	n := 0
	for i, part := range strings.Split(line, "\x1b[") {
		if i > 0 {
			_, part, _ = strings.Cut(part, "m")
		}
		n += status.Width(part)
	}
	return n
}
