package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"

	"edgeagent/internal/lab/faults"
)

// errRed means that a row of the fault matrix is red; which is in the report.
var errRed = errors.New("rows are red")

// matrix is one run of the fault matrix.
type matrix struct {
	bin, out string
	run      *regexp.Regexp
	parallel int
}

// newMatrix reads the arguments of `labctl faults`.
func newMatrix(args []string) (matrix, error) {
	var m matrix
	var run string
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&run, "run", "", "regexp of the rows to play")
	flags.IntVar(&m.parallel, "parallel", 2, "labs at a time")
	flags.StringVar(&m.out, "o", "", "file to write the report to")
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 || m.parallel < 1 {
		return m, errUsage
	}
	var err error
	if m.run, err = regexp.Compile(run); err != nil {
		return m, fmt.Errorf("%w: -run: %w", errUsage, err)
	}
	m.bin = flags.Arg(0)
	return m, nil
}

// play plays the rows and writes the report. What is left out or red is said as
// it happens.
func (m matrix) play(ctx context.Context, stdout, progress io.Writer) error {
	var rows []faults.Row
	for _, row := range faults.Rows() {
		if m.run.MatchString(row.Name) {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("%w: no row is called %s", errUsage, m.run)
	}
	results := m.each(ctx, progress, rows)
	if err := ctx.Err(); err != nil {
		return err // what was cut off says nothing
	}
	if err := m.write(stdout, results); err != nil {
		return err
	}
	if s := faults.Summarize(results); s.Red > 0 {
		return fmt.Errorf("%d of %d %w", s.Red, s.Rows, errRed)
	}
	return nil
}

// each plays some rows at a time; the results are in the order of the rows.
func (m matrix) each(ctx context.Context, progress io.Writer, rows []faults.Row) []faults.Result {
	results := make([]faults.Result, len(rows))
	slots := make(chan struct{}, m.parallel)
	var running sync.WaitGroup
	var mu sync.Mutex
	for i, row := range rows {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			results[i] = row.Run(ctx, m.bin)
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(progress, "%s: %s\n", row.Name, verdict(results[i]))
		})
	}
	running.Wait()
	return results
}

// verdict is one line about a row as it ends.
func verdict(r faults.Result) string {
	if r.LeftOut != "" {
		return "left out: " + r.LeftOut
	}
	said := fmt.Sprintf("named after %.1f s, back after %.1f s, %d messages, %d lost, %d twice; status said %s",
		r.Detected.Seconds(), r.Recovered.Seconds(), r.Sent, r.Lost, r.Duplicated, r.Said)
	if red := r.Red(); len(red) > 0 {
		return "RED: " + strings.Join(red, "; ") + "; " + said
	}
	return said
}

// write puts the report into the file, as a whole or not at all; into stdout
// without one.
func (m matrix) write(stdout io.Writer, results []faults.Result) error {
	command := "make faults"
	if m.run.String() != "" {
		command += " RUN='" + m.run.String() + "'"
	}
	if m.out == "" {
		return faults.Write(stdout, command, results)
	}
	var text strings.Builder
	if err := faults.Write(&text, command, results); err != nil {
		return err
	}
	if err := os.WriteFile(m.out+".new", []byte(text.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(m.out+".new", m.out)
}
