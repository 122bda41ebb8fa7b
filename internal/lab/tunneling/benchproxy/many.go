package benchproxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"edgeagent/internal/lab/tunneling"
)

// Sample is what a number of tunnels, each with a proxy of its own, cost together.
type Sample struct {
	Tunnels int
	RSS     float64       // MB, of all proxies
	CPU     time.Duration // of all proxies while nothing happens
	Over    time.Duration // in which CPU was spent
	Echo    time.Duration // through the newest tunnel, p50
}

// Many opens as many idle tunnels as counts say, which must grow, and looks at
// what all of them cost whenever one of the counts is reached.
func Many(ctx context.Context, o Options, counts []int) (samples []Sample, err error) {
	dir, err := os.MkdirTemp("", "benchproxy-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &bench{binary: o.Binary, dir: dir}
	echo, err := listen(ctx, echoAll)
	if err != nil {
		return nil, err
	}
	service, err := b.serve(ctx)
	if err != nil {
		return nil, err
	}
	var rigs []*rig
	defer func() {
		for _, r := range rigs {
			err = errors.Join(err, r.close())
		}
	}()
	for _, count := range counts {
		for len(rigs) < count {
			r, err := service.start(ctx, []string{echoed.Service}, echoed.Service+"="+echo)
			if err != nil {
				return nil, err
			}
			rigs = append(rigs, r)
		}
		s, err := sample(ctx, rigs)
		if err != nil {
			return nil, fmt.Errorf("looking at %d tunnels: %w", count, err)
		}
		samples = append(samples, s)
	}
	return samples, nil
}

// sample looks at all proxies when they have settled.
func sample(ctx context.Context, rigs []*rig) (Sample, error) {
	s := Sample{Tunnels: len(rigs)}
	newest := rigs[len(rigs)-1]
	answers := make(chan struct{}, 1)
	newest.wire.Handle(func(m tunneling.Message) {
		if m.Kind == tunneling.Data {
			answers <- struct{}{}
		}
	})
	start := echoed
	start.Kind, start.Payload = tunneling.StreamStart, nil
	if err := newest.wire.Send(ctx, start); err != nil {
		return s, err
	}
	took, err := newest.echoes(ctx, answers)
	if err != nil {
		return s, err
	}
	slices.Sort(took)
	s.Echo = took[len(took)/2]
	time.Sleep(settle)
	before, err := cpuOf(rigs)
	if err != nil {
		return s, err
	}
	time.Sleep(settle)
	after, err := cpuOf(rigs)
	s.CPU, s.Over = after-before, settle
	for _, r := range rigs {
		now, _, memErr := r.memory()
		s.RSS += megabytes(now)
		err = errors.Join(err, memErr)
	}
	return s, err
}

func cpuOf(rigs []*rig) (sum time.Duration, err error) {
	for _, r := range rigs {
		cpu, cpuErr := r.cpu()
		sum, err = sum+cpu, errors.Join(err, cpuErr)
	}
	return sum, err
}
