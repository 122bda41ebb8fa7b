package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"edgeagent/internal/status"
)

// screen shows snapshots on a terminal or in a file.
type screen struct {
	w        io.Writer
	json     bool
	terminal bool
	options  status.TextOptions
	plain    bool                       // sparklines in ASCII
	size     func() (width, height int) // of the terminal, in characters; 0 is unknown
	hour     *hour                      // below what is watched; nil: nothing
}

// newScreen finds out what w can show, and what its reader reads.
func newScreen(w io.Writer, json bool) *screen {
	s := &screen{w: w, json: json}
	locale := status.LocaleFrom(os.Getenv)
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = true
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
		return printJSON(o.w, s)
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
	if s.FixFirst != nil && s.FixFirst.Stage == stageDaemon {
		text += status.Found(s.FixFirst.Detail, o.options)
	}
	return text
}

// fit is text with more below it where there is room, cut to the terminal's
// height: a frame that scrolls cannot be drawn over.
func (o *screen) fit(text, more string) string {
	height := 0
	if o.size != nil {
		_, height = o.size()
	}
	lines := strings.SplitAfter(text+more, "\n")
	if height == 0 || len(lines) <= height { // the last one is empty
		return text + more
	}
	lines = strings.SplitAfter(text, "\n")
	return strings.Join(lines[:min(len(lines), height-1)], "")
}
