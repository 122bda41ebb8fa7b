package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"edgeagent/internal/lab"
)

const (
	clientPace = time.Second // between two questions of a client
	clientTime = 4 * time.Second
)

var clientCounts = []int{1, 3, 10, 30, 100, 300, 1000}

// measureClients has more and more programs of the device ask the stub, each
// once a second for a name that nobody has asked for.
func measureClients(ctx context.Context, r *run) (result, error) {
	cpu, p50, p99 := curve{name: "processor time of an answer", unit: "µs"}, curve{name: "answer, p50", unit: "µs"}, curve{name: "answer, p99", unit: "µs"}
	memory := curve{name: "memory of the daemon with clients", unit: "MB"}
	err := r.withUpstream(ctx, func(l *lab.Lab, a *lab.Agent) error {
		for _, count := range clientCounts {
			before, err := readUsage(a.PID())
			if err != nil {
				return err
			}
			took, err := askPaced(ctx, l.Device, count)
			if err != nil {
				return fmt.Errorf("asking with %d clients: %w", count, err)
			}
			after, err := readUsage(a.PID())
			if err != nil {
				return err
			}
			n := float64(count)
			cpu.points = append(cpu.points, [2]float64{n, micro(after.cpu-before.cpu) / float64(len(took))})
			p50.points = append(p50.points, [2]float64{n, micro(quantile(took, 0.5))})
			p99.points = append(p99.points, [2]float64{n, micro(quantile(took, 0.99))})
			memory.points = append(memory.points, [2]float64{n, after.rss})
		}
		return nil
	})
	if err != nil {
		return result{}, err
	}
	return result{
		figures: []figure{
			cpu.figure(""), p50.figure(""), memory.figure(""),
			shown("answer with 1,000 clients, p99", "%.1f ms", p99.points[len(p99.points)-1][1]/1000),
		},
		text: pointsTable("Clients", cpu, p50, p99, memory) + fmt.Sprintf(`
Each client has a socket of its own and asks once in %s for %s, spread evenly, always for a new name. The memory is the daemon's in all; its cache
is full after 1,000 names.`, clientPace, clientTime),
		plots: []namedPlot{
			{"clients-time", growth("Clients of the stub: processor time and answers", "clients, each asking once a second", cpu, p50, p99)},
			{"clients-memory", growth("Clients of the stub: memory of the daemon", "clients, each asking once a second", memory)},
		},
	}, nil
}

// askPaced has count clients ask the stub for a while.
func askPaced(ctx context.Context, n *lab.Node, count int) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	for c := range count {
		a, err := newAsker(ctx, n, stubAddr)
		if err != nil {
			return nil, err
		}
		wg.Go(func() {
			defer a.close()
			took, err := a.paced(ctx, clientPace*time.Duration(c)/time.Duration(count), fmt.Sprintf("c%d.n%d", c, count))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	return all, failed
}

// paced asks once in clientPace, beginning after first.
func (a *asker) paced(ctx context.Context, first time.Duration, label string) (all []time.Duration, err error) {
	if err := sleep(ctx, first); err != nil {
		return nil, err
	}
	tick := time.NewTicker(clientPace)
	defer tick.Stop()
	for i := range int(clientTime / clientPace) {
		took, err := a.ask(fmt.Sprintf("i%d.%s.example.com.", i, label))
		if err != nil {
			return all, err
		}
		all = append(all, took)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return all, ctx.Err()
		}
	}
	return all, nil
}
