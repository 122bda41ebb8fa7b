package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"edgeagent/internal/status"
)

// defaultColumns is the width of a terminal that does not tell its own.
const defaultColumns = 80

// screen shows snapshots on a terminal or in a file.
type screen struct {
	w        io.Writer
	json     bool
	terminal bool
	options  status.TextOptions
	plain    bool                       // sparklines in ASCII
	size     func() (width, height int) // of the terminal, in characters; 0 is unknown
	hour     *hour                      // below what is watched; nil: nothing
	drawn    frame                      // what is watched, as it is on the terminal
}

// newScreen finds out what w can show, and what its reader reads.
func newScreen(w io.Writer, json bool) *screen {
	s := &screen{w: w, json: json}
	locale := status.LocaleFrom(os.Getenv)
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		// A terminal that is none, or that nobody named, cannot be drawn over.
		s.terminal = os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
		// https://no-color.org: set to anything but "" means no.
		s.options.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if status.ASCIITerminal(os.Getenv("TERM")) {
			locale = status.Locale{}
		}
		s.options.ASCII = !locale.UTF8
		s.size = func() (int, int) {
			width, height, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 0, 0
			}
			return width, height
		}
	}
	s.options.Language = locale.Language
	// Terminals set up for Japanese may give block elements two columns, and the
	// lines would break (Unicode Standard Annex 11, A).
	s.plain = !locale.UTF8 || locale.Language == status.Japanese
	return s
}

// show prints s once.
func (o *screen) show(s status.Snapshot) error {
	if o.json {
		return printJSON(o.w, s.ForScripts())
	}
	_, err := fmt.Fprint(o.w, o.text(s))
	return err
}

// text is what people read. Of a daemon that is not there it also says what was
// found in its place.
func (o *screen) text(s status.Snapshot) string {
	if o.size != nil {
		o.options.Width, _ = o.size() // a window changes
	}
	text := status.Text(s, o.options)
	if silent(s) {
		text += status.Found(s.FixFirst.Detail, o.options)
	}
	return text
}

// fit is text with more below it where there is room, cut to the terminal's
// height: a frame that scrolls cannot be drawn over.
func (o *screen) fit(text, more string) string {
	width, height := 0, 0
	if o.size != nil {
		width, height = o.size()
	}
	if height == 0 || rows(text+more, width) < height { // the cursor has a row, too
		return text + more
	}
	for rows(text, width) >= height && text != "" {
		text = text[:strings.LastIndexByte(text[:len(text)-1], '\n')+1]
	}
	return text
}

// rows is how many rows of a terminal text takes, which ends with a line's end.
func rows(text string, width int) int {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if width > 0 {
			n += max(0, columns(strings.TrimSuffix(line, "\n"))-1) / width
		}
	}
	return n
}
