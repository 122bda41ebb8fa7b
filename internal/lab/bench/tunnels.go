package bench

import (
	"context"
	"fmt"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/tunneling/benchproxy"
)

// maxTunnels is what tunnel.max_concurrent allows at most.
const maxTunnels = 20

// afterBurst is the pace of notifications once the agent's burst is used up.
const afterBurst = 2100 * time.Millisecond

// burst is how many notifications the agent takes at once.
const burst = 8

var (
	daemonCounts = []int{1, 2, 5, 10, 20}
	proxyCounts  = []int{1, 2, 5, 10, 20, 50, 100}
)

// measureTunnels opens tunnels: with the daemon as many as it allows, beyond
// that the proxies alone.
func measureTunnels(ctx context.Context, r *run) (result, error) {
	daemon, err := r.daemonTunnels(ctx)
	if err != nil {
		return result{}, err
	}
	samples, err := benchproxy.Many(ctx, benchproxy.Options{Binary: r.Bin}, proxyCounts)
	if err != nil {
		return result{}, err
	}
	memory, cpu, echo := curve{name: "memory of each proxy", unit: "MB"},
		curve{name: "CPU of each idle proxy", unit: "ms/s"}, curve{name: "echo through the newest tunnel", unit: "µs"}
	for _, s := range samples {
		n := float64(s.Tunnels)
		memory.points = append(memory.points, [2]float64{n, s.RSS / n})
		cpu.points = append(cpu.points, [2]float64{n, s.CPU.Seconds() * 1000 / s.Over.Seconds() / n})
		echo.points = append(echo.points, [2]float64{n, micro(s.Echo)})
	}
	return result{
		figures: []figure{
			memory.figure(""), cpu.figure(""), echo.figure(""),
			daemon.memory.figure(""), daemon.open.figure(""),
		},
		text: pointsTable("Proxies", memory, cpu, echo) + "\n" + pointsTable("Tunnels of one daemon", daemon.memory, daemon.open) + fmt.Sprintf(`
The daemon allows at most %d tunnels at once (`+"`tunnel.max_concurrent`"+`), each a process of its own. Up to there they are opened by notifications in a
lab; up to %d the proxies are started as the daemon starts them, beside a double of the service. One proxy at rest takes %.1f MB (RSS).`,
			maxTunnels, proxyCounts[len(proxyCounts)-1], memory.points[len(memory.points)-1][1]),
		plots: []namedPlot{
			{"tunnels-memory", growth("Tunnels: memory of each proxy, and of the daemon", "open tunnels", memory, daemon.memory)},
			{"tunnels-latency", growth("Tunnels: echo and opening", "open tunnels", echo, daemon.open)},
		},
	}, nil
}

// daemonCurves is what tunnels cost the daemon.
type daemonCurves struct{ memory, open curve }

// daemonTunnels opens as many tunnels as the agent allows. Each has a service of
// its own: a tunnel is known by its services.
func (r *run) daemonTunnels(ctx context.Context) (c daemonCurves, err error) {
	services := "{"
	for i := range maxTunnels {
		services += fmt.Sprintf("%s: \"127.0.0.1:22\", ", service(i))
	}
	o := lab.Options{Config: map[string]string{"tunnel.services": services + "}", "tunnel.max_concurrent": fmt.Sprint(maxTunnels)}}
	c.memory, c.open = curve{name: "memory of the daemon with tunnels", unit: "MB"}, curve{name: "notification to connected", unit: "µs"}
	err = r.with(ctx, o, func(l *lab.Lab, a *lab.Agent) error {
		opened := 0
		for _, count := range daemonCounts {
			var took []time.Duration
			for ; opened < count; opened++ {
				if opened >= burst {
					if err := sleep(ctx, afterBurst); err != nil {
						return err
					}
				}
				t, err := l.OpenTunnel(ctx, service(opened))
				if err != nil {
					return err
				}
				took = append(took, t.Connected.Sub(t.Notified))
			}
			u, err := readUsage(a.PID())
			if err != nil {
				return err
			}
			n := float64(count)
			c.memory.points = append(c.memory.points, [2]float64{n, u.rss})
			c.open.points = append(c.open.points, [2]float64{n, micro(quantile(took, 0.5))})
		}
		return nil
	})
	return c, err
}

func service(i int) string { return fmt.Sprintf("S%d", i+1) }
