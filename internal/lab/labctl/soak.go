package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"edgeagent/internal/lab/soak"
)

// soakSeeds bounds the seeds that are drawn: a person has to type them.
const soakSeeds = 1_000_000

// soakTest lets the agent live through everything at random, and writes the page
// about it. The error names what should not have been.
func soakTest(ctx context.Context, out io.Writer, args []string) error {
	o := soak.Options{Log: out}
	var page, only string
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&o.Duration, "for", time.Hour, "")
	flags.Uint64Var(&o.Seed, "seed", 0, "")
	flags.StringVar(&only, "run", "", "")
	flags.StringVar(&page, "o", "", "")
	if flags.Parse(args) != nil || flags.NArg() != 1 || o.Duration <= 0 {
		return errUsage
	}
	var err error
	if o.Only, err = regexp.Compile(only); err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if o.Bin = flags.Arg(0); o.Seed == 0 {
		o.Seed = 1 + rand.Uint64N(soakSeeds-1)
	}
	r, err := soak.Run(ctx, o)
	if err != nil {
		return fmt.Errorf("the soak with seed %d could not go on: %w", o.Seed, err)
	}
	command := fmt.Sprintf("make soak HOURS=%g SEED=%d", o.Duration.Hours(), o.Seed)
	if page != "" {
		if err := writePage(page, func(w io.Writer) error { return soak.Write(w, r, command) }); err != nil {
			return err
		}
	}
	if err := soak.Write(out, r, command); err != nil {
		return err
	}
	if len(r.Red) > 0 {
		return fmt.Errorf("%d things should not have been, the first one %s", len(r.Red), r.Red[0])
	}
	return nil
}

// writePage replaces a page as a whole: a run that fails leaves the old one.
func writePage(name string, write func(io.Writer) error) error {
	draft, err := os.CreateTemp(filepath.Dir(name), ".soak-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer os.Remove(draft.Name()) // it has another name by then, or is no use
	err = write(draft)
	if err == nil {
		err = draft.Chmod(0o644)
	}
	if closeErr := draft.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(draft.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
