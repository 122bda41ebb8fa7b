package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

var backlogCounts = []int{1, 10, 100, 1000, 10_000}

// drainEvery paces the look into the broker's log.
const drainEvery = 10 * time.Millisecond

// drained is what it took an agent to come back to a number of notifications.
type drained struct {
	took time.Duration // from CONNACK to the last PUBACK
	cpu  time.Duration // of the daemon since its start
	peak float64       // MB
}

// measureBacklog sends notifications while the agent is away, each with a token
// that nobody knows, and measures how it works them off.
func measureBacklog(ctx context.Context, r *run) (result, error) {
	took, cpu := curve{name: "time for a notification that has waited", unit: "µs"}, curve{name: "processor time for one", unit: "µs"}
	memory := curve{name: "largest memory of the daemon meanwhile", unit: "MB"}
	err := r.with(ctx, lab.Options{}, func(l *lab.Lab, a *lab.Agent) error {
		a.Stop()
		none, err := r.drain(ctx, l, 0)
		if err != nil {
			return err
		}
		for _, count := range backlogCounts {
			d, err := r.drain(ctx, l, count)
			if err != nil {
				return fmt.Errorf("working off %d notifications: %w", count, err)
			}
			n := float64(count)
			took.points = append(took.points, [2]float64{n, micro(d.took) / n})
			cpu.points = append(cpu.points, [2]float64{n, micro(max(d.cpu-none.cpu, time.Microsecond)) / n})
			memory.points = append(memory.points, [2]float64{n, d.peak})
		}
		return nil
	})
	if err != nil {
		return result{}, err
	}
	return result{
		figures: []figure{took.figure(""), cpu.figure(""), memory.figure("")},
		text: `The session is persistent, and notifications are published at QoS 1 while the agent is away, each with another token that the service refuses.
Time is from CONNACK to the last PUBACK in the broker's log, processor time the daemon's since its start, less that of a start without notifications.
The agent takes eight of them at once, then one in two seconds, and drops the others: a flood is not worked off for hours.`,
		plots: []namedPlot{
			{"backlog-time", growth("Notifications that have waited: time for each", "notifications", took, cpu)},
			{"backlog-memory", growth("Notifications that have waited: memory of the daemon", "notifications", memory)},
		},
	}, nil
}

// drain publishes count notifications for an agent that is away, starts it and
// waits until it has acknowledged all.
func (r *run) drain(ctx context.Context, l *lab.Lab, count int) (d drained, err error) {
	if err := publishMany(ctx, l, count); err != nil {
		return d, err
	}
	log, err := os.Stat(l.Dir + "/log/mosquitto.log")
	if err != nil {
		return d, err
	}
	a, err := l.StartAgent(r.Bin)
	if err != nil {
		return d, err
	}
	defer a.Stop()
	c, err := a.WaitStage(ctx, "broker", status.OK, "")
	if err != nil {
		return d, err
	}
	err = lab.Poll(ctx, drainEvery, func() error {
		if n, err := acknowledged(l, log.Size()); err != nil || n < count {
			return fmt.Errorf("%d of %d are acknowledged: %w", n, count, err)
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	d.took = time.Since(c.Since)
	u, err := readUsage(a.PID())
	d.cpu, d.peak = u.cpu, u.peak
	return d, err
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
	if count == 0 {
		return nil
	}
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
