package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"edgeagent/internal/lab"
)

var backlogCounts = []int{1, 10, 100, 300, 1000, 3000, 10_000}

const (
	drainEvery   = 10 * time.Millisecond // between two looks into the broker's log
	drainWithin  = 60 * time.Second
	backlogPause = 3 * time.Second // for the proxies that were started to end
)

// drained is what it took an agent to work off a number of notifications.
type drained struct {
	took, cpu time.Duration // from its return to the last PUBACK
	peak      float64       // MB, of its whole life
}

// measureBacklog sends notifications while the agent is away, each with a token
// that nobody knows, and measures how it works them off.
func measureBacklog(ctx context.Context, r *run) (result, error) {
	took, cpu := curve{name: "time for a notification that has waited", unit: "µs"}, curve{name: "processor time for one", unit: "µs"}
	memory := curve{name: "largest memory of the daemon so far", unit: "MB"}
	err := r.with(ctx, lab.Options{}, func(l *lab.Lab, a *lab.Agent) error {
		for _, count := range backlogCounts {
			d, err := drain(ctx, l, a, count)
			if err != nil {
				return fmt.Errorf("working off %d notifications: %w", count, err)
			}
			n := float64(count)
			took.points = append(took.points, [2]float64{n, micro(d.took) / n})
			cpu.points = append(cpu.points, [2]float64{n, micro(d.cpu) / n})
			memory.points = append(memory.points, [2]float64{n, d.peak})
			if err := sleep(ctx, backlogPause); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return result{}, err
	}
	return result{
		figures: []figure{took.figure(""), cpu.figure(""), memory.figure("")},
		text: pointsTable("Notifications", took, cpu, memory) + `
The daemon is stopped (SIGSTOP) while they are published at QoS 1, each with another token that the service refuses, and then goes on. Times are
from there to the last PUBACK in the broker's log, which sends at most 20 at once. The agent takes eight of them, then one in two seconds, and drops
the others: a flood is not worked off for hours. The processor time for few of them is that of starting proxies.`,
		plots: []namedPlot{
			{"backlog-time", growth("Notifications that have waited: time for each", "notifications", took, cpu)},
			{"backlog-memory", growth("Notifications that have waited: memory of the daemon", "notifications", memory)},
		},
	}, nil
}

// drain publishes count notifications for an agent that is stopped, lets it go
// on and waits until it has acknowledged all.
func drain(ctx context.Context, l *lab.Lab, a *lab.Agent, count int) (d drained, err error) {
	log, err := os.Stat(l.Dir + "/log/mosquitto.log")
	if err != nil {
		return d, err
	}
	before, err := readUsage(a.PID())
	if err != nil {
		return d, err
	}
	a.Signal(syscall.SIGSTOP)
	err = publishMany(ctx, l, count)
	began := time.Now()
	a.Signal(syscall.SIGCONT)
	if err != nil {
		return d, err
	}
	waitCtx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	err = lab.Poll(waitCtx, drainEvery, func() error {
		if n, err := acknowledged(l, log.Size()); err != nil || n < count {
			return fmt.Errorf("%d of %d are acknowledged: %w", n, count, err)
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	after, err := readUsage(a.PID())
	return drained{time.Since(began), after.cpu - before.cpu, after.peak}, err
}

// acknowledged counts the device's PUBACKs in the broker's log from an offset on.
func acknowledged(l *lab.Lab, from int64) (int, error) {
	file, err := os.ReadFile(l.Dir + "/log/mosquitto.log")
	if err != nil {
		return 0, err
	}
	return bytes.Count(file[from:], []byte("Received PUBACK from "+lab.Thing)), nil
}

// publishMany publishes notifications over one connection, a line for each.
func publishMany(ctx context.Context, l *lab.Lab, count int) error {
	var lines strings.Builder
	for i := range count {
		payload, err := json.Marshal(map[string]any{
			"clientAccessToken": fmt.Sprintf("unknown-%d-%d", count, i), "clientMode": "destination",
			"region": lab.Region, "services": []string{"SSH"},
		})
		if err != nil {
			return err
		}
		lines.Write(append(payload, '\n'))
	}
	cmd := l.VPC.Command(ctx, "mosquitto_pub", "-h", "127.0.0.1", "-p", "1883", "-q", "1", "-l",
		"-t", "$aws/things/"+lab.Thing+"/tunnels/notify")
	cmd.Stdin = strings.NewReader(lines.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := l.VPC.Start(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("publishing notifications: %w: %s", err, stderr.String())
	}
	return nil
}
