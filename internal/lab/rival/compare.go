package rival

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// parallel is how many rounds run at the same time, each in a lab of its own: nearly
// all of their time is waiting.
const parallel = 8

// Row is one fault with what both stacks did in each round.
type Row struct {
	Fault, How   string
	Note         string // why the agent is not faster, where that is known
	Agent, Rival []Sample
	Failed       []string // rounds that did not work, and why
}

// Result is the whole comparison.
type Result struct {
	Rows                     []Row
	AgentTunnel, RivalTunnel []time.Duration // from a notification to the proxy's WebSocket
	Took                     time.Duration
}

// Unavailable says in one line why the stack cannot run here, or "". The lab has
// needs of its own.
func Unavailable() string {
	if err := exec.Command("/usr/bin/python3", "-c", "import paho.mqtt.client").Run(); err != nil {
		return "needs Debian's paho: apt-get install python3-paho-mqtt"
	}
	return ""
}

// job is one round of one fault, with both stacks.
type job struct {
	fault, round int
}

// Compare plays every fault against the program bin and against the articles'
// stack, in turn, and says on progress how it goes. It takes about a quarter of an
// hour.
func Compare(ctx context.Context, bin string, progress io.Writer) (Result, error) {
	return compare(ctx, bin, progress, faults())
}

func compare(ctx context.Context, bin string, progress io.Writer, all []fault) (Result, error) {
	if why := Unavailable(); why != "" {
		return Result{}, errors.New(why)
	}
	began := time.Now()
	c := &comparison{bin: bin, progress: progress, faults: all, began: began, rows: make([]Row, len(all))}
	for i, f := range all {
		c.rows[i] = Row{Fault: f.name, How: f.how, Note: f.note}
	}
	// Before the faults, which would disturb what takes milliseconds.
	r := Result{}
	var err error
	if r.AgentTunnel, r.RivalTunnel, err = c.tunnels(ctx); err != nil {
		return r, err
	}
	c.run(ctx)
	r.Rows, r.Took = c.rows, time.Since(began)
	return r, ctx.Err()
}

// comparison is one run of Compare.
type comparison struct {
	bin    string
	faults []fault
	began  time.Time

	mu       sync.Mutex
	progress io.Writer
	rows     []Row
}

// Parallel returns how many rounds run at the same time.
func (Result) Parallel() int { return parallel }

// jobs returns all rounds, the longest first.
func (c *comparison) jobs() []job {
	var jobs []job
	for i, f := range c.faults {
		for round := range f.rounds {
			jobs = append(jobs, job{i, round})
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int {
		return cmp.Compare(c.faults[b.fault].expect, c.faults[a.fault].expect)
	})
	return jobs
}

// run plays all rounds.
func (c *comparison) run(ctx context.Context) {
	var wg sync.WaitGroup
	// A slot is taken before the goroutine is made: the longest really begin first.
	slots := make(chan struct{}, parallel)
	for _, j := range c.jobs() {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c.play(ctx, j)
		})
	}
	wg.Wait()
}

// play plays one round with both stacks, in turn, every other round the other way
// round.
func (c *comparison) play(ctx context.Context, j job) {
	f := c.faults[j.fault]
	// Whoever comes second might find a machine that is warmer, or busier.
	order := []bool{true, false}
	if j.round%2 == 1 {
		slices.Reverse(order)
	}
	for _, ours := range order {
		if ctx.Err() != nil {
			return
		}
		name, start := "articles' stack", starter(startRival)
		if ours {
			name, start = "agent", startOurs
		}
		s, err := f.play(ctx, c.bin, start, j.round)
		c.record(j, ours, s, err)
		c.say("%s, round %d, %s: %s", f.name, j.round+1, name, s.text(err))
	}
}

// record puts a sample into its row. A round that did not work is not the end of
// the comparison: it says how many there were.
func (c *comparison) record(j job, ours bool, s Sample, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	row := &c.rows[j.fault]
	switch {
	case err != nil:
		row.Failed = append(row.Failed, err.Error())
	case ours:
		row.Agent = append(row.Agent, s)
	default:
		row.Rival = append(row.Rival, s)
	}
}

// say prints one line of progress.
func (c *comparison) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.progress, "%4.0f s  %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// text is a sample in one line.
func (s Sample) text(err error) string {
	if err != nil {
		return "FAILED: " + err.Error()
	}
	noticed := "never noticed"
	if s.Noticed >= 0 {
		noticed = fmt.Sprintf("noticed after %.1f s (%s)", s.Noticed.Seconds(), s.Said)
	}
	return fmt.Sprintf("%s, back after %.1f s, %d packets in the open", noticed, s.Recovered.Seconds(), s.Leaks)
}
