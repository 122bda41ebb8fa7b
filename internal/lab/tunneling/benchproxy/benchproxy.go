// Package benchproxy measures `edgeagent localproxy` from outside: it runs the
// real program as a child against the double of the service and tells what came
// through, what it cost and how much memory it took.
//
// Service, sources and sinks share the machine with the child, so that
// throughput is the whole path's; CPU and memory are the child's alone.
package benchproxy

import (
	"context"
	"fmt"
	"os"
)

// Options say what is measured.
type Options struct {
	Binary string // edgeagent
	Bytes  int64  // that each of four transfers moves
}

// Row is one measured figure. Goal is what was asked of it, in the same unit: a
// least value if More, else a largest; 0 if nothing was asked.
type Row struct {
	What        string
	Value, Goal float64
	Unit        string
	More        bool
}

// measurements are in the order of the report.
var measurements = []struct {
	name string
	run  func(*bench, context.Context) ([]Row, error)
}{
	{"idle", (*bench).idle},
	{"down-1", func(b *bench, ctx context.Context) ([]Row, error) { return b.down(ctx, 1) }},
	{"down-4", func(b *bench, ctx context.Context) ([]Row, error) { return b.down(ctx, 4) }},
	{"down-16", func(b *bench, ctx context.Context) ([]Row, error) { return b.down(ctx, 16) }},
	{"up-1", func(b *bench, ctx context.Context) ([]Row, error) { return b.up(ctx, 1) }},
	{"up-4", func(b *bench, ctx context.Context) ([]Row, error) { return b.up(ctx, 4) }},
	{"up-16", func(b *bench, ctx context.Context) ([]Row, error) { return b.up(ctx, 16) }},
	{"slow-uplink", (*bench).slowUplink},
	{"latency", (*bench).latency},
	{"held", (*bench).held},
}

// Measure takes all figures of one proxy, one after the other, in about a minute.
func Measure(ctx context.Context, o Options) ([]Row, error) {
	dir, err := os.MkdirTemp("", "benchproxy-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b := &bench{binary: o.Binary, dir: dir, bytes: o.Bytes}
	var all []Row
	for _, m := range measurements {
		rows, err := m.run(b, ctx)
		if err != nil {
			return nil, fmt.Errorf("measuring %s: %w", m.name, err)
		}
		all = append(all, rows...)
	}
	return all, nil
}
