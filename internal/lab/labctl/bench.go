package main

import (
	"context"
	"flag"
	"io"
	"os"
	"strings"

	"edgeagent/internal/lab/bench"
)

// measure writes the page about what the agent costs.
func measure(ctx context.Context, args []string) error {
	o := bench.Options{Progress: os.Stderr}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	only := flags.String("only", "", "")
	flags.StringVar(&o.Page, "page", "docs/performance.md", "")
	flags.StringVar(&o.Packages, "packages", "dist", "")
	flags.StringVar(&o.Version, "version", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 {
		return errUsage
	}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	o.Bin = flags.Arg(0)
	return bench.Run(ctx, o)
}
