package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// How often and how long things are measured.
const (
	benchRounds   = 10
	idleTime      = 30 * time.Second
	settleTime    = 5 * time.Second // after start, before idling is measured
	blackholeTime = 60 * time.Second
	notifyPause   = 2 * time.Second // the agent takes a burst of 8, then one in this time
	benchTimeout  = 2 * time.Minute // of one wait
)

// bench measures the agent in a lab and prints each figure with how it was
// taken. Nothing here passes or fails: figures depend on the machine.
func bench(ctx context.Context, out io.Writer, bin string) error {
	b := &measurement{out: out, bin: bin}
	for _, part := range []func(context.Context) error{
		b.sizes, b.starts, b.tunnels, b.idle, b.blackhole,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// measurement is one run of bench.
type measurement struct {
	out io.Writer
	bin string
}

// title says by what means the figures below it were taken.
func (b *measurement) title(format string, args ...any) {
	fmt.Fprintf(b.out, "\n# "+format+"\n", args...)
}

// series prints the smallest, the middle and the largest of some durations.
func (b *measurement) series(name string, all []time.Duration) {
	slices.Sort(all)
	fmt.Fprintf(b.out, "%-44s min %7.1f  median %7.1f  max %7.1f ms  (n=%d)\n", name,
		ms(all[0]), ms(all[len(all)/2]), ms(all[len(all)-1]), len(all))
}

// ms is in milliseconds, with what is left of the microseconds.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sizes prints those of the binary and of the one for ARMv6 if it is built.
func (b *measurement) sizes(context.Context) error {
	b.title("stat -c %%s %s dist/edgeagent-armv6", b.bin)
	for _, file := range []string{b.bin, "dist/edgeagent-armv6"} {
		info, err := os.Stat(file)
		if err != nil {
			fmt.Fprintf(b.out, "%-44s not built\n", file)
			continue
		}
		fmt.Fprintf(b.out, "%-44s %8.2f MB\n", file, float64(info.Size())/1e6)
	}
	return nil
}

// with runs fn with an agent in a lab that is all ok.
func (b *measurement) with(ctx context.Context, fn func(context.Context, *lab.Lab, *lab.Agent) error) error {
	l, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return err
	}
	defer l.Close() // the figures are what counts
	a, err := l.StartAgent(b.bin)
	if err != nil {
		return err
	}
	defer a.Stop()
	waitCtx, cancel := context.WithTimeout(ctx, benchTimeout)
	defer cancel()
	if err := a.WaitOK(waitCtx); err != nil {
		return err
	}
	return fn(ctx, l, a)
}

// starts measures how long it takes from nothing to a session.
func (b *measurement) starts(ctx context.Context) error {
	b.title("`edgeagent run` in a fresh lab, times from netlink and `edgeagent status --json`")
	var start, connected []time.Duration
	for range benchRounds {
		if err := b.startOnce(ctx, &start, &connected); err != nil {
			return err
		}
	}
	b.series("start of the process -> MQTT connected", start)
	b.series("tun has its address -> MQTT connected", connected)
	return nil
}

// startOnce takes a lab of its own: a second start in the same one would meet
// a VPN server that knows the device already.
func (b *measurement) startOnce(ctx context.Context, start, connected *[]time.Duration) error {
	l, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return err
	}
	defer l.Close() // the figures are what counts
	tun, err := watchTun(l.Device)
	if err != nil {
		return err
	}
	defer tun.stop()
	a, err := l.StartAgent(b.bin)
	if err != nil {
		return err
	}
	defer a.Stop()
	waitCtx, cancel := context.WithTimeout(ctx, benchTimeout)
	defer cancel()
	broker, err := a.WaitStage(waitCtx, "broker", status.OK, "")
	if err != nil {
		return err
	}
	up, err := tun.wait(waitCtx)
	if err != nil {
		return err
	}
	*start = append(*start, broker.Since.Sub(a.Started))
	*connected = append(*connected, broker.Since.Sub(up))
	return nil
}

// tunnels measures from the notification to the proxy's WebSocket.
func (b *measurement) tunnels(ctx context.Context) error {
	b.title("from the start of mosquitto_pub with the notification to the WebSocket at the tunneling service")
	return b.with(ctx, func(ctx context.Context, l *lab.Lab, a *lab.Agent) error {
		var all []time.Duration
		for range benchRounds {
			took, err := b.tunnelOnce(ctx, l, a)
			if err != nil {
				return err
			}
			all = append(all, took)
		}
		b.series("notification -> proxy connected", all)
		return nil
	})
}

// tunnelOnce opens a tunnel, closes it and waits until the agent may take the
// next notification, whose number it limits.
func (b *measurement) tunnelOnce(ctx context.Context, l *lab.Lab, a *lab.Agent) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, benchTimeout)
	defer cancel()
	t, err := l.OpenTunnel(ctx, "SSH")
	if err != nil {
		return 0, err
	}
	if err := t.Close(); err != nil {
		return 0, err
	}
	if _, err := a.WaitStage(ctx, "tunnel", status.OK, status.ReasonIdle); err != nil {
		return 0, err
	}
	return t.Connected.Sub(t.Notified), sleep(ctx, notifyPause)
}

// blackhole measures how a silent loss of the link is noticed and left again.
func (b *measurement) blackhole(ctx context.Context) error {
	b.title("nft drop of udp/443 both ways for %s, then `nft delete table`", blackholeTime)
	return b.with(ctx, func(ctx context.Context, l *lab.Lab, a *lab.Agent) error {
		// The whole time is waited for, however early the loss is noticed: the
		// ladder of recovery goes on meanwhile, and its pauses count.
		begin := time.Now()
		if err := l.BlackholeVPN(true); err != nil {
			return err
		}
		waitCtx, cancel := context.WithTimeout(ctx, blackholeTime)
		defer cancel()
		c, err := a.Wait(waitCtx, "link", "the link to be lost", func(c status.Condition) bool { return c.State == status.Down })
		if err != nil {
			fmt.Fprintf(b.out, "%-44s not within %s: %v\n", "black hole -> status says down", blackholeTime, err)
		} else {
			fmt.Fprintf(b.out, "%-44s %7.1f s  (%s)\n", "black hole -> status says down", time.Since(begin).Seconds(), c.Reason)
		}
		if err := sleep(ctx, time.Until(begin.Add(blackholeTime))); err != nil {
			return err
		}
		return b.recovery(ctx, l, a)
	})
}

// recovery measures from the end of a black hole to a session, and from the
// first packet that the VPN server answers.
func (b *measurement) recovery(ctx context.Context, l *lab.Lab, a *lab.Agent) error {
	answered := make(chan time.Time, 1)
	l.Capture.OnPacketFrom(lab.VPNAddr, answered)
	lifted := time.Now()
	if err := l.BlackholeVPN(false); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, benchTimeout)
	defer cancel()
	c, err := a.WaitStage(ctx, "broker", status.OK, "")
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%-44s %7.1f s\n", "drop lifted -> MQTT connected", c.Since.Sub(lifted).Seconds())
	fmt.Fprintf(b.out, "%-44s %7.1f s\n", "first answered packet -> MQTT connected", c.Since.Sub(<-answered).Seconds())
	return nil
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
