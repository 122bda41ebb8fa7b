package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/plot"
)

// Options say what is measured and where it is written.
type Options struct {
	Bin      string   // the agent
	Packages string   // directory of its Debian packages, e.g. dist
	Version  string   // of the packages; "": the newest there
	Page     string   // the page; its plots go into a directory of the same name
	Only     []string // names of sections; none: all
	Progress io.Writer
}

// section is one part of the page.
type section struct {
	name, title string
	limit       time.Duration // of all of it
	measure     func(context.Context, *run) (result, error)
	// waits: nearly all of its time is waiting, and what it looks at are single
	// processes; all such sections are measured at once.
	waits bool
}

// sections are in the order of the page.
var sections = []section{
	{"idle", "While nothing happens", 8 * time.Minute, measureIdle, true},
	{"dns", "The DNS stub beside unbound and dnsmasq", 3 * time.Minute, measureDNS, false},
	{"start", "From nothing to a session", 2 * time.Minute, measureStart, false},
	{"notify", "From a notification to a tunnel", 2 * time.Minute, measureNotify, false},
	{"status", "Asking for the status", time.Minute, measureStatus, false},
	{"sizes", "What is downloaded and installed", time.Minute, measureSizes, false},
	{"arm", "Memory on ARM", 2 * time.Minute, measureARM, true},
	{"tunnels", "Growth: tunnels", 4 * time.Minute, measureTunnels, true},
	{"clients", "Growth: clients of the stub", 2 * time.Minute, measureClients, false},
	{"backlog", "Growth: notifications that have waited", 3 * time.Minute, measureBacklog, false},
	{"network", "Growth: interfaces and routes", 3 * time.Minute, measureNetwork, false},
	{"transfer", "Bytes through a tunnel", 4 * time.Minute, measureTransfer, false},
	{"rivals", "Coming back, beside the stack of the articles", 20 * time.Minute, measureRivals, false},
}

// Sections returns the names of all sections, in the order of the page.
func Sections() []string {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}

// run is one call of Run.
type run struct {
	Options
	machine machine
	mu      *sync.Mutex // of the page and of Progress
}

// result is what a section has found.
type result struct {
	figures []figure
	text    string // Markdown below the figures
	plots   []namedPlot
}

// namedPlot is a plot and the name of its file, without the ending.
type namedPlot struct {
	name string
	plot plot.Plot
}

// Run measures the sections and writes the page after each of them, so that
// what has been measured is kept when a later one fails.
func Run(ctx context.Context, o Options) error {
	for _, name := range o.Only {
		if !slices.Contains(Sections(), name) {
			return fmt.Errorf("no section %q: there are %s", name, strings.Join(Sections(), ", "))
		}
	}
	if why := lab.Unavailable(); why != "" {
		return errors.New(why)
	}
	var err error
	if o.Bin, err = filepath.Abs(o.Bin); err != nil {
		return err
	}
	r := &run{Options: o, machine: readMachine(), mu: new(sync.Mutex)}
	return r.all(ctx)
}

// all measures what is asked for: the sections that wait at once, when the
// others are done.
func (r *run) all(ctx context.Context) error {
	errs := make([]error, len(sections))
	var waiting sync.WaitGroup
	for _, waits := range []bool{false, true} {
		for i, s := range sections {
			if s.waits != waits || len(r.Only) > 0 && !slices.Contains(r.Only, s.name) || ctx.Err() != nil {
				continue
			}
			measure := func() {
				if err := r.one(ctx, s); err != nil {
					errs[i] = fmt.Errorf("measuring %s: %w", s.name, err)
				}
			}
			if waits {
				waiting.Go(measure)
			} else {
				measure()
			}
		}
	}
	waiting.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// one measures a section and puts it into the page.
func (r *run) one(ctx context.Context, s section) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	begin, load := time.Now(), loadAverage()
	r.say("measuring %s", s.name)
	res, err := s.measure(ctx, r)
	if err != nil {
		return err
	}
	lines := []string{fmt.Sprintf("%s, after %s:", s.name, time.Since(begin).Round(time.Second))}
	for _, f := range res.figures {
		lines = append(lines, "  "+f.String())
	}
	r.say("%s", strings.Join(lines, "\n"))
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := writePlots(r.Page, res.plots); err != nil {
		return err
	}
	return updatePage(r.Page, s.name, s.markdown(res, r.machine.describe(begin, load)))
}

// say reports progress.
func (r *run) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.Progress, format+"\n", args...)
}

// upWithin is how long a lab's agent may take until all is ok.
const upWithin = 30 * time.Second

// with runs fn with an agent in a lab of its own that is all ok.
func (r *run) with(ctx context.Context, o lab.Options, fn func(*lab.Lab, *lab.Agent) error) error {
	l, err := lab.Start(ctx, o)
	if err != nil {
		return err
	}
	defer l.Close() // the figures are what counts
	return r.startIn(ctx, l, fn)
}

// startIn runs fn with an agent in a lab that is there.
func (r *run) startIn(ctx context.Context, l *lab.Lab, fn func(*lab.Lab, *lab.Agent) error) error {
	a, err := l.StartAgent(r.Bin)
	if err != nil {
		return err
	}
	defer a.Stop()
	waitCtx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()
	if err := a.WaitOK(waitCtx); err != nil {
		return err
	}
	return fn(l, a)
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
