// Benchproxy measures `edgeagent localproxy` from outside: it runs the real
// program as a child against the fake service and reports what came through,
// what it cost and how much memory it took.
//
// Usage: benchproxy [-proxy BINARY] [-mb N] [-only NAME]
//
// Without -proxy it builds ./cmd/edgeagent. Service, sources and sinks share
// the machine with the child, so that throughput is the whole path's; CPU and
// memory are the child's alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "benchproxy:", err)
		os.Exit(1)
	}
}

// measurement is one line or more of the report.
type measurement struct {
	name string
	run  func(*bench, context.Context) ([]row, error)
}

var measurements = []measurement{
	{"idle", (*bench).idle},
	{"down-1", func(b *bench, ctx context.Context) ([]row, error) { return b.down(ctx, 1) }},
	{"down-4", func(b *bench, ctx context.Context) ([]row, error) { return b.down(ctx, 4) }},
	{"down-16", func(b *bench, ctx context.Context) ([]row, error) { return b.down(ctx, 16) }},
	{"up-1", func(b *bench, ctx context.Context) ([]row, error) { return b.up(ctx, 1) }},
	{"up-4", func(b *bench, ctx context.Context) ([]row, error) { return b.up(ctx, 4) }},
	{"up-16", func(b *bench, ctx context.Context) ([]row, error) { return b.up(ctx, 16) }},
	{"slow-uplink", (*bench).slowUplink},
	{"latency", (*bench).latency},
	{"held", (*bench).held},
}

// row is one line of the report.
type row struct {
	what, value, goal string
}

func run(ctx context.Context) error {
	binary := flag.String("proxy", "", "edgeagent binary (default: build it)")
	mb := flag.Int("mb", 100, "MB that each of four transfers moves")
	only := flag.String("only", "", "run only the measurements whose name contains this")
	flag.Parse()
	dir, err := os.MkdirTemp("", "benchproxy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if *binary == "" {
		*binary = filepath.Join(dir, "edgeagent")
		if err := build(ctx, *binary); err != nil {
			return err
		}
	}
	b := &bench{binary: *binary, dir: dir, bytes: int64(*mb) * 1e6}
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "measured\tvalue\tgoal")
	for _, m := range measurements {
		if !strings.Contains(m.name, *only) {
			continue
		}
		rows, err := m.run(b, ctx)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", m.name, err)
		}
		for _, r := range rows {
			fmt.Fprintf(table, "%s\t%s\t%s\n", r.what, r.value, r.goal)
		}
	}
	return table.Flush()
}

func build(ctx context.Context, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "edgeagent/cmd/edgeagent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building edgeagent: %w", err)
	}
	return nil
}
