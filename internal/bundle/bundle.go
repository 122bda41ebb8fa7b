// Package bundle makes the archive that the office gets from a gateway: what
// the agent says, how the system is, and the last logs, without a secret in it.
// It works offline, without the daemon, and on a half-broken system: what
// cannot be had is named in the archive instead.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds. A bundle goes through mail and over a SIM.
const (
	MaxBytes    = 5 << 20          // of the archive
	maxPart     = 512 << 10        // of one part, uncompressed; logs keep their end
	partLimit   = 10 * time.Second // for one command
	sideBySide  = 4
	redactedBy  = "Secrets are replaced by [...]: keys, tokens, passwords, and whatever looks like one."
	summaryFile = "README.txt"
)

// Part is one file of the archive.
type Part struct {
	Name string // path within the archive
	What string // in a word, for the list
	// Get returns the content, or as much of it as there is with an error.
	Get func(ctx context.Context) ([]byte, error)
	// End keeps the end, not the beginning, of what is too long.
	End bool
}

// Options say what goes into the archive.
type Options struct {
	Device  string // names the directory in the archive
	Version string
	Now     time.Time
	Parts   []Part
	// Secrets are values that must not appear, wherever they come from.
	Secrets []string
}

// Summary is what was written.
type Summary struct {
	Bytes   int64 // of the archive
	Files   []string
	Missing []string // NAME: why
	Dropped []string // left out for the archive's size
}

// content is a part that was got.
type content struct {
	part Part
	data []byte
	err  error
}

// Write gets all parts, a few at a time, and writes the archive to w. Parts
// that do not fit into MaxBytes are left out, the last ones first.
func Write(ctx context.Context, w io.Writer, o Options) (Summary, error) {
	got := collect(ctx, o.Parts)
	if ctx.Err() != nil { // half a bundle would pass for a whole one
		return Summary{}, fmt.Errorf("collecting the bundle: %w", context.Cause(ctx))
	}
	r := newRedactor(o.Secrets)
	for i := range got {
		got[i].data = r.clean(bound(got[i]))
		if got[i].err != nil {
			got[i].err = fmt.Errorf("%s", r.clean([]byte(got[i].err.Error())))
		}
	}
	for {
		archive, summary, err := pack(o, got)
		if err != nil {
			return Summary{}, err
		}
		if len(archive) <= MaxBytes {
			if _, err := w.Write(archive); err != nil {
				return Summary{}, fmt.Errorf("writing the bundle: %w", err)
			}
			summary.Bytes = int64(len(archive))
			return summary, nil
		}
		drop(got, len(archive))
	}
}

// collect runs what can be run beside each other without burdening a Pi.
func collect(ctx context.Context, parts []Part) []content {
	got := make([]content, len(parts))
	slots := make(chan struct{}, sideBySide)
	var running sync.WaitGroup
	for i, p := range parts {
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, partLimit)
			defer cancel()
			data, err := p.Get(ctx)
			got[i] = content{p, data, err}
		})
	}
	running.Wait()
	return got
}

// bound cuts what is too long, at a line.
func bound(c content) []byte {
	if len(c.data) <= maxPart {
		return c.data
	}
	if c.part.End {
		data := c.data[len(c.data)-maxPart:]
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			data = data[i+1:]
		}
		return slices.Concat([]byte("[... the beginning is left out]\n"), data)
	}
	data := c.data[:maxPart]
	if i := bytes.LastIndexByte(data, '\n'); i >= 0 {
		data = data[:i+1]
	}
	return slices.Concat(data, []byte("[the rest is left out]\n"))
}

// drop removes as many of the last parts as an archive of that size, all equally
// compressible, would need to fit.
func drop(got []content, size int) {
	total := 0
	for _, c := range got {
		total += len(c.data)
	}
	excess := total - int(int64(total)*MaxBytes/int64(size))
	for i := len(got) - 1; i >= 0 && excess >= 0; i-- {
		if len(got[i].data) > 0 {
			excess -= len(got[i].data)
			got[i].data, got[i].err = nil, errTooBig
		}
	}
}

var errTooBig = fmt.Errorf("left out: the bundle would be over %d MB", MaxBytes>>20)

// pack writes the archive into memory: it is small, and its size must be known.
func pack(o Options, got []content) ([]byte, Summary, error) {
	var archive bytes.Buffer
	zip := gzip.NewWriter(&archive)
	t := tar.NewWriter(zip)
	dir := fmt.Sprintf("edgeagent-%s-%s", plainName(o.Device), o.Now.UTC().Format("20060102T150405Z"))
	s := summarise(got)
	files := append([]content{{part: Part{Name: summaryFile}, data: []byte(s.text(o, got))}}, got...)
	for _, c := range files {
		if len(c.data) == 0 {
			continue
		}
		header := &tar.Header{Name: path.Join(dir, c.part.Name), Mode: 0o600, Size: int64(len(c.data)), ModTime: o.Now, Format: tar.FormatPAX}
		if err := t.WriteHeader(header); err != nil {
			return nil, s, fmt.Errorf("writing %s: %w", c.part.Name, err)
		}
		if _, err := t.Write(c.data); err != nil {
			return nil, s, fmt.Errorf("writing %s: %w", c.part.Name, err)
		}
	}
	if err := t.Close(); err != nil {
		return nil, s, fmt.Errorf("ending the archive: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, s, fmt.Errorf("ending the archive: %w", err)
	}
	return archive.Bytes(), s, nil
}

func summarise(got []content) Summary {
	s := Summary{Files: []string{summaryFile}}
	for _, c := range got {
		if len(c.data) > 0 {
			s.Files = append(s.Files, c.part.Name)
		}
		switch {
		case c.err == errTooBig:
			s.Dropped = append(s.Dropped, c.part.Name)
		case c.err != nil:
			s.Missing = append(s.Missing, fmt.Sprintf("%s: %v", c.part.Name, c.err))
		case len(c.data) == 0:
			s.Missing = append(s.Missing, c.part.Name+": empty")
		}
	}
	slices.Sort(s.Missing)
	return s
}

// text is the archive's own table of contents.
func (s Summary) text(o Options, got []content) string {
	var b strings.Builder
	fmt.Fprintf(&b, "edgeagent %s on %s, %s\n%s\n\n", o.Version, o.Device, o.Now.UTC().Format(time.RFC3339), redactedBy)
	for _, c := range got {
		if len(c.data) > 0 {
			fmt.Fprintf(&b, "%-28s %s\n", c.part.Name, c.part.What)
		}
	}
	for _, list := range []struct {
		title string
		names []string
	}{{"Not to be had", s.Missing}, {"Left out for its size", s.Dropped}} {
		if len(list.names) > 0 {
			fmt.Fprintf(&b, "\n%s:\n  %s\n", list.title, strings.Join(list.names, "\n  "))
		}
	}
	return b.String()
}

// plainName keeps a device's name from becoming a path.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, s)
}
