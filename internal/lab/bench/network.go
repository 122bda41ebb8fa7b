package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"edgeagent/internal/lab"
)

var networkCounts = []int{1, 3, 10, 30, 100, 300, 1000}

const (
	networkQuiet  = 25 * time.Second // after which the daemon has given back what its start took
	networkSettle = 2 * time.Second  // until the daemon has seen all
	peeks         = 20
	changes       = 10
	changeEvery   = 100 * time.Millisecond // far enough apart to be seen one by one
)

// measureNetwork gives the device more and more interfaces, each with an address
// and a route, as containers and VLANs do.
func measureNetwork(ctx context.Context, r *run) (result, error) {
	cpu := curve{name: "processor time for one that appears", unit: "µs"}
	change := curve{name: "processor time for a change among them, by each", unit: "µs"}
	memory, answer := curve{name: "memory of the daemon for each interface", unit: "kB"}, curve{name: "status on the control socket", unit: "µs"}
	err := r.with(ctx, lab.Options{}, func(l *lab.Lab, a *lab.Agent) error {
		kind, err := idleKind(ctx, l.Device)
		if err != nil {
			return err
		}
		if err := sleep(ctx, networkQuiet); err != nil {
			return err
		}
		base, err := readUsage(a.PID())
		if err != nil {
			return err
		}
		there := 0
		for _, count := range networkCounts {
			before, err := readUsage(a.PID())
			if err != nil {
				return err
			}
			if err := addInterfaces(ctx, l, kind, there, count); err != nil {
				return err
			}
			if err := sleep(ctx, networkSettle); err != nil {
				return err
			}
			after, err := readUsage(a.PID())
			if err != nil {
				return err
			}
			n := float64(count)
			cpu.points = append(cpu.points, [2]float64{n, micro(after.cpu-before.cpu) / float64(count-there)})
			memory.points = append(memory.points, [2]float64{n, (after.rss - base.rss) * 1000 / n})
			took, err := peekTime(ctx, a)
			if err != nil {
				return err
			}
			answer.points = append(answer.points, [2]float64{n, micro(took)})
			one, err := changeTime(ctx, l, a)
			if err != nil {
				return err
			}
			change.points = append(change.points, [2]float64{n, micro(one) / n})
			there = count
		}
		return a.WaitOK(ctx)
	})
	if err != nil {
		return result{}, err
	}
	return result{
		figures: []figure{cpu.figure(""), change.figure(""), memory.figure(""), answer.figure("")},
		text: pointsTable("Interfaces", cpu, change, memory, answer) + fmt.Sprintf(`
Interfaces of a kind that does nothing are made in one go from one number to the next, each with an address and a route. Processor time is what the
daemon spends from the first until %s after the last, for each that is new. A change is an address that comes or goes: the daemon then reads the whole table again, so that one
change costs as many times the figure as there are interfaces. Memory is what is resident above a daemon that has been left alone: for
few of them that is what waking up takes, for many what one reading of the whole table takes.`, networkSettle),
		plots: []namedPlot{
			{"network-time", growth("Interfaces with a route: time", "interfaces", cpu, change, answer)},
			{"network-memory", growth("Interfaces with a route: memory for each", "interfaces", memory)},
		},
	}, nil
}

// idleKind finds a kind of interface that this kernel has and that sends nothing.
func idleKind(ctx context.Context, n *lab.Node) (string, error) {
	var err error
	for _, kind := range []string{"dummy", "ifb"} {
		if _, err = n.Run(ctx, "ip", "link", "add", "probe0", "type", kind); err == nil {
			_, err = n.Run(ctx, "ip", "link", "del", "probe0")
			return kind, err
		}
	}
	return "", err
}

// addInterfaces makes those from one number up to another. Their addresses are
// from the range for benchmarks (RFC 2544).
func addInterfaces(ctx context.Context, l *lab.Lab, kind string, from, to int) error {
	var lines strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&lines, "link add idle%d type %s\n", i, kind)
		fmt.Fprintf(&lines, "addr add 198.18.%d.%d/32 dev idle%d\n", i/250, i%250+1, i)
		fmt.Fprintf(&lines, "link set idle%d up\n", i)
		fmt.Fprintf(&lines, "route add 198.19.%d.%d/32 dev idle%d\n", i/250, i%250+1, i)
	}
	file := l.Dir + "/bench-interfaces"
	if err := l.Device.WriteFile(file, lines.String()); err != nil {
		return err
	}
	_, err := l.Device.Run(ctx, "ip", "-batch", file)
	return err
}

// changeTime is what the daemon spends on an address that comes or goes.
func changeTime(ctx context.Context, l *lab.Lab, a *lab.Agent) (time.Duration, error) {
	before, err := processTime(a.PID())
	if err != nil {
		return 0, err
	}
	for i := range changes {
		verb := []string{"add", "del"}[i%2]
		if _, err := l.Device.Run(ctx, "ip", "addr", verb, "198.18.255.1/32", "dev", "idle0"); err != nil {
			return 0, err
		}
		if err := sleep(ctx, changeEvery); err != nil {
			return 0, err
		}
	}
	after, err := processTime(a.PID())
	return (after - before) / changes, err
}

// peekTime is how long the control socket takes, in the middle.
func peekTime(ctx context.Context, a *lab.Agent) (time.Duration, error) {
	var all []time.Duration
	for range peeks {
		began := time.Now()
		if _, err := a.Peek(ctx); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	return quantile(all, 0.5), nil
}
