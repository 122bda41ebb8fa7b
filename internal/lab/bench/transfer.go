package bench

import (
	"context"
	"fmt"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/tunneling/benchproxy"
)

const (
	bulkBytes = 100e6 // of each of four transfers of the proxy alone
	sshBytes  = 100e6 // through everything
)

// measureTransfer measures the proxy alone and ssh through the whole lab.
func measureTransfer(ctx context.Context, r *run) (result, error) {
	rows, err := benchproxy.Measure(ctx, benchproxy.Options{Binary: r.Bin, Bytes: bulkBytes})
	if err != nil {
		return result{}, err
	}
	var figures []figure
	for _, row := range rows {
		figures = append(figures, ofRow(row))
	}
	ssh, err := r.sshTransfer(ctx)
	return result{
		figures: append(figures, ssh...),
		text: fmt.Sprintf(`The proxy alone: a child beside a double of the service on loopback with TLS; four times %.0f MB each way over 1, 4 and 16 connections. What is
asked of bulk transfers is what the reference proxy (version 3.3.1) reached on two cores in the same way, of memory a third of what it took. Processor time is the child's.

ssh: %.0f MB of zeros from the device, without compression, through sshd, the proxy, TLS, OpenVPN over UDP and the service. All of that shares the machine's
cores, so the rate is the whole path's; processor time is that of the proxy, of OpenVPN on the device and of the daemon.`, bulkBytes/1e6, sshBytes/1e6),
	}, err
}

// ofRow judges what the proxy's measurement tells.
func ofRow(r benchproxy.Row) figure {
	format := map[string]string{"%": "%.3f %%", "ms/MB": "%.2f ms/MB", "µs": "%.0f µs", "MB/s": "%.0f MB/s"}[r.Unit]
	if format == "" {
		format = "%.1f " + r.Unit
	}
	switch {
	case r.Goal == 0:
		return shown("proxy: "+r.What, format, r.Value)
	case r.More:
		return atLeast("proxy: "+r.What, r.Value, r.Goal, format, "asked is the reference proxy's rate on another machine, without load")
	}
	return atMost("proxy: "+r.What, r.Value, r.Goal, format, "source, service and proxy share the cores: look at the load")
}

// sshTransfer moves bytes through a tunnel with the real ssh.
func (r *run) sshTransfer(ctx context.Context) (figures []figure, err error) {
	err = r.with(ctx, lab.Options{}, func(l *lab.Lab, a *lab.Agent) error {
		t, err := l.OpenTunnel(ctx, "SSH")
		if err != nil {
			return err
		}
		defer t.Close()
		f, err := sshOnce(ctx, l, a, t)
		figures = append(figures, f)
		return err
	})
	return figures, err
}

// sshOnce has the device send, which is what a copied log or picture does.
func sshOnce(ctx context.Context, l *lab.Lab, a *lab.Agent, t *lab.Tunnel) (figure, error) {
	before, err := deviceTimes(l, a)
	if err != nil {
		return figure{}, err
	}
	began := time.Now()
	out, err := t.SSH(ctx, fmt.Sprintf("head -c %d /dev/zero", int(sshBytes)))
	took := time.Since(began)
	if err != nil {
		return figure{}, err
	}
	if len(out) != sshBytes {
		return figure{}, fmt.Errorf("ssh brought %d bytes of %d", len(out), int(sshBytes))
	}
	after, err := deviceTimes(l, a)
	mb := sshBytes / 1e6
	per := func(i int) float64 { return (after[i] - before[i]).Seconds() * 1000 / mb }
	return shown("ssh, from the device", "%.0f MB/s; CPU %.1f (proxy) + %.1f (OpenVPN) + %.2f (daemon) ms/MB",
		mb/took.Seconds(), per(1), per(2), per(0)), err
}

// deviceTimes is the processor time so far of the daemon, the newest proxy and
// OpenVPN.
func deviceTimes(l *lab.Lab, a *lab.Agent) (times [3]time.Duration, err error) {
	proxies, err := proxiesOf(l, a)
	if err != nil {
		return times, err
	}
	vpn, err := l.Device.Processes("openvpn")
	if err != nil || len(vpn) != 1 || len(proxies) == 0 {
		return times, fmt.Errorf("looking for the device's processes: %d proxies, %d OpenVPN: %w", len(proxies), len(vpn), err)
	}
	for i, pid := range []int{a.PID(), proxies[len(proxies)-1], vpn[0]} {
		u, err := readUsage(pid)
		if err != nil {
			return times, err
		}
		times[i] = u.cpu
	}
	return times, nil
}

// proxiesOf returns the agent's children of its own program.
func proxiesOf(l *lab.Lab, a *lab.Agent) (proxies []int, err error) {
	all, err := l.Device.Processes("")
	if err != nil {
		return nil, err
	}
	for _, pid := range all {
		if number(proc(pid, "status"), "PPid") == a.PID() && command(pid) == "edgeagent localproxy" {
			proxies = append(proxies, pid)
		}
	}
	return proxies, nil
}
