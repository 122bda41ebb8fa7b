package rival

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

// journal collects what the units of one stack write, with the time it was
// written: OpenVPN's unit leaves time to journald, which is not there.
type journal struct {
	mu    sync.Mutex
	lines []entry
}

// entry is one line of one unit.
type entry struct {
	at   time.Time
	text string // "unit: what it wrote"
}

func (j *journal) add(unit, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, entry{time.Now(), unit + ": " + text})
}

// pipe returns a file to be a program's output. Its lines arrive until the
// program and all its children have closed it.
func (j *journal) pipe(unit string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("logging %s: %w", unit, err)
	}
	// Not a writer of exec.Cmd: Wait would then wait for the children as well, and a
	// localproxy outlives the client that launched it.
	go func() {
		defer r.Close()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			j.add(unit, lines.Text())
		}
	}()
	return w, nil
}

// first returns the first line since then that matches.
func (j *journal) first(since time.Time, pattern *regexp.Regexp) (entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.lines {
		if !e.at.Before(since) && pattern.MatchString(e.text) {
			return e, true
		}
	}
	return entry{}, false
}

// firstNot returns the first line since then that is another one.
func (j *journal) firstNot(since time.Time, text string) (entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.lines {
		if !e.at.Before(since) && e.text != text {
			return e, true
		}
	}
	return entry{}, false
}

// last returns the last line, or "".
func (j *journal) last() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) == 0 {
		return ""
	}
	return j.lines[len(j.lines)-1].text
}

// tail is the last lines, for an error.
func (j *journal) tail(n int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	for _, e := range j.lines[max(0, len(j.lines)-n):] {
		fmt.Fprintf(&b, "\n  %s %s", e.at.Format("15:04:05.000"), e.text)
	}
	return b.String()
}
