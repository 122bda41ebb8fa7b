package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"edgeagent/internal/lab"
)

// How long is measured. One keepalive falls into each interval of that length,
// so that bytes and wake-ups of one are those of all.
const (
	keepAlive  = 230 * time.Second
	settleTime = 35 * time.Second // until start-up is over and its memory given back
)

// awsTTL is what Route 53 gives for a VPC endpoint's names, in seconds. The DNS
// stage asks again when it is over.
const awsTTL = 60

// What an idle daemon may take.
const (
	idlePSS     = 15.0 // MB
	idleCPU     = 0.2  // percent of one core
	idleWakeups = 5.0  // a second
)

// idler is a lab that does nothing, for as long as it is measured.
type idler struct {
	what    string
	options lab.Options
	// bytes counts what passes over the link so far, without Ethernet headers.
	bytes func(*lab.Lab) (float64, error)

	agent, openvpn spent
	perDay         float64 // bytes
}

// spent is what a process has used in a keepalive interval.
type spent struct {
	at               usage   // its end
	cpuHour, cpu     float64 // seconds an hour, percent
	wakeupsPerSecond float64
}

// measureIdle measures two labs side by side: a VPN and a SIM.
func measureIdle(ctx context.Context, r *run) (result, error) {
	vpn := &idler{what: "OpenVPN", options: lab.Options{TTL: awsTTL}, bytes: tunnelBytes}
	sim := &idler{what: "a SIM (Canal)", options: lab.Options{Canal: lab.CanalAlone, TTL: awsTTL}, bytes: simBytes}
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, one := range []*idler{vpn, sim} {
		wg.Go(func() { errs[i] = r.idle(ctx, one) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return result{}, err
	}
	floor := floorPerDay()
	return result{
		figures: []figure{
			atMost("PSS of the daemon", vpn.agent.at.pss, idlePSS, "%.1f MB", ""),
			atMost("processor time of the daemon", vpn.agent.cpu, idleCPU, "%.3f %% of a core", ""),
			atMost("wake-ups of the daemon", vpn.agent.wakeupsPerSecond, idleWakeups, "%.1f/s", ""),
			shown("processor time of daemon and OpenVPN", "%.1f + %.1f s an hour", vpn.agent.cpuHour, vpn.openvpn.cpuHour),
			shown("bytes a day inside the VPN", "%s, %.1f times the floor", kilobytes(vpn.perDay), vpn.perDay/floor),
			shown("bytes a day over a SIM", "%s, %.1f times the floor", kilobytes(sim.perDay), sim.perDay/floor),
		},
		text: idleTable(vpn, sim) + fmt.Sprintf(`
Measured over one keepalive interval of %s, %s after everything was ok, with the default configuration. Memory is from smaps_rollup, processor
time from the process's clock, wake-ups are voluntary_ctxt_switches of all threads (proc(5)): Go's own monitor thread, which looks on for some
microseconds after each event, is the larger part of them.

The floor is a PINGREQ and a PINGRESP in TLS 1.3 records every 230 s, and the ACK of the second: %d bytes of IP, %s a day. Above it are the
link's probes, a query of the VPC resolver each minute (every five on a SIM), and inside the VPN the DNS stage's, every 19 s. What OpenVPN adds outside the VPN is the server's: its "ping 1" alone is about 12 MB a day.
`, keepAlive, settleTime, keepAliveBytes, kilobytes(floor)),
	}, nil
}

// idleTable shows all that was read, of both labs.
func idleTable(all ...*idler) string {
	rows := [][]string{{"Process", "PSS", "RSS", "Processor", "Wake-ups"}}
	for _, one := range all {
		for name, s := range map[string]spent{"edgeagent": one.agent, "openvpn": one.openvpn} {
			if s.at.rss == 0 {
				continue // a SIM needs no OpenVPN
			}
			rows = append(rows, []string{
				name + " on " + one.what, fmt.Sprintf("%.1f MB", s.at.pss), fmt.Sprintf("%.1f MB", s.at.rss),
				fmt.Sprintf("%.1f s/h, %.3f %%", s.cpuHour, s.cpu), fmt.Sprintf("%.1f/s", s.wakeupsPerSecond),
			})
		}
	}
	return table(rows)
}

// idle measures one lab.
func (r *run) idle(ctx context.Context, one *idler) error {
	return r.with(ctx, one.options, func(l *lab.Lab, a *lab.Agent) error {
		if err := sleep(ctx, settleTime); err != nil {
			return err
		}
		pids, after := []int{a.PID()}, []*spent{&one.agent}
		if vpn, err := l.Device.Processes("openvpn"); err == nil && len(vpn) == 1 {
			pids, after = append(pids, vpn[0]), append(after, &one.openvpn)
		}
		bytes, err := one.bytes(l)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := watch(ctx, pids, after); err != nil {
			return err
		}
		end, err := one.bytes(l)
		one.perDay = (end - bytes) * float64(24*time.Hour) / float64(time.Since(began))
		return err
	})
}

// watch measures processes over a keepalive interval.
func watch(ctx context.Context, pids []int, out []*spent) error {
	before, began := make([]usage, len(pids)), time.Now()
	for i, pid := range pids {
		var err error
		if before[i], err = readUsage(pid); err != nil {
			return err
		}
	}
	if err := sleep(ctx, keepAlive); err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	for i, pid := range pids {
		u, err := readUsage(pid)
		if err != nil {
			return err
		}
		cpu := (u.cpu - before[i].cpu).Seconds() / took
		*out[i] = spent{at: u, cpuHour: cpu * 3600, cpu: cpu * 100, wakeupsPerSecond: float64(u.wakeups-before[i].wakeups) / took}
	}
	return nil
}

// tunnelBytes counts on the VPN's device, which has no headers below IP.
func tunnelBytes(l *lab.Lab) (sum float64, err error) {
	for _, name := range []string{"rx_bytes", "tx_bytes"} {
		text, err := l.Device.ReadFile("/sys/class/net/tun0/statistics/" + name)
		if err != nil {
			return 0, fmt.Errorf("counting bytes in the VPN: %w", err)
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return 0, fmt.Errorf("counting bytes in the VPN: %w", err)
		}
		sum += n
	}
	return sum, nil
}

func simBytes(l *lab.Lab) (float64, error) {
	t := l.Canal.Traffic()
	return float64(t.Up + t.Down), nil
}

// The floor: sizes on the wire of the two packets of a keepalive.
const (
	ipTCP          = 20 + 20 + 12 // bytes of headers, with timestamps (RFC 7323)
	tlsRecord      = 5 + 1 + 16   // header, type, tag (RFC 8446, section 5.2)
	mqttPing       = 2            // PINGREQ and PINGRESP (MQTT 3.1.1, 3.12 and 3.13)
	keepAliveBytes = 2*(ipTCP+tlsRecord+mqttPing) + ipTCP
)

// floorPerDay is what MQTT's keepalive alone costs, in bytes.
func floorPerDay() float64 {
	return keepAliveBytes * float64(24*time.Hour) / float64(keepAlive)
}

func kilobytes(n float64) string { return fmt.Sprintf("%.0f kB", n/1000) }
