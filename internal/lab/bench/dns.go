package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"edgeagent/internal/lab"
)

const (
	dnsWarmUp  = 200  // questions to each server before it counts
	dnsRounds  = 4000 // questions to each server, one after the other
	loadAskers = 50   // clients at once
	loadSlices = 4    // of each server in turn
	loadSlice  = 500 * time.Millisecond
	addedP50   = 150.0 // µs
)

// forwarder is a DNS server on the device that is measured.
type forwarder struct {
	name string
	addr netip.Addr
	pid  int // 0: the uplink's own server, for the difference

	fresh, cached []time.Duration
	added         []time.Duration // beside the direct question of the same round
	rate          map[bool]*rate  // by whether the names are cached
}

// rate is what a server did under load.
type rate struct {
	answers int64
	took    time.Duration
	cpu     time.Duration
}

// measureDNS has the stub, unbound and dnsmasq forward to the same server.
func measureDNS(ctx context.Context, r *run) (result, error) {
	var all []*forwarder
	err := r.withUpstream(ctx, func(l *lab.Lab, a *lab.Agent) (err error) {
		if all, err = startForwarders(ctx, l, a); err != nil {
			return err
		}
		if err := roundTrips(ctx, l.Device, all); err != nil {
			return err
		}
		return loads(ctx, l.Device, all)
	})
	if err != nil {
		return result{}, err
	}
	return dnsResult(all), nil
}

// stubAddr is where the agent's stub listens by default.
var stubAddr = netip.MustParseAddr("127.0.0.153")

// startForwarders starts the others beside the stub and waits for all.
func startForwarders(ctx context.Context, l *lab.Lab, a *lab.Agent) ([]*forwarder, error) {
	all := []*forwarder{
		{name: "the uplink's server, directly", addr: upstreamAddr},
		{name: "edgeagent's stub", addr: stubAddr, pid: a.PID()},
		{name: "unbound", addr: netip.MustParseAddr("127.0.0.201")},
		{name: "dnsmasq", addr: netip.MustParseAddr("127.0.0.202")},
	}
	conf := l.Dir + "/bench-unbound.conf"
	if err := l.Device.WriteFile(conf, fmt.Sprintf(unboundConf, all[2].addr, upstreamAddr)); err != nil {
		return nil, err
	}
	commands := []*exec.Cmd{
		2: l.Device.Command(ctx, "unbound", "-d", "-c", conf),
		3: l.Device.Command(ctx, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=",
			"--no-resolv", "--no-hosts", "--bind-interfaces", "--listen-address="+all[3].addr.String(),
			"--server="+upstreamAddr.String(), "--cache-size=1000", "--dns-forward-max=1000"),
	}
	for i, f := range all {
		if i < len(commands) && commands[i] != nil {
			if err := l.Device.Start(commands[i]); err != nil {
				return nil, fmt.Errorf("starting %s: %w", f.name, err)
			}
			go commands[i].Wait() // the lab ends it
			f.pid = commands[i].Process.Pid
		}
		err := lab.Poll(ctx, 20*time.Millisecond, func() error {
			_, err := l.Device.Resolve(ctx, f.addr, "ready.example.com")
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("waiting for %s: %w", f.name, err)
		}
	}
	return all, nil
}

// unboundConf makes a plain forwarder of it, as small as the stub: one thread,
// no validation.
const unboundConf = `server:
	interface: %s
	do-daemonize: no
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	verbosity: 0
	module-config: "iterator"
	num-threads: 1
	do-ip6: no
forward-zone:
	name: "."
	forward-addr: %s
`

// roundTrips asks all servers in turn, each round beginning with another, so
// that whatever disturbs the machine disturbs all of them.
func roundTrips(ctx context.Context, n *lab.Node, all []*forwarder) error {
	askers := make([]*asker, len(all))
	for i, f := range all {
		var err error
		if askers[i], err = newAsker(ctx, n, f.addr); err != nil {
			return err
		}
		defer askers[i].close()
	}
	took := make([]time.Duration, len(all))
	for round := range dnsWarmUp + dnsRounds {
		for k := range all {
			i := (round + k) % len(all)
			var err error
			if took[i], err = askers[i].ask(fmt.Sprintf("r%d.f%d.example.com.", round, i)); err != nil {
				return fmt.Errorf("asking %s: %w", all[i].name, err)
			}
			cached, err := askers[i].ask("same.example.com.")
			if err != nil {
				return fmt.Errorf("asking %s: %w", all[i].name, err)
			}
			all[i].cached = append(all[i].cached, cached)
		}
		if round < dnsWarmUp {
			continue
		}
		for i, f := range all {
			f.fresh = append(f.fresh, took[i])
			f.added = append(f.added, took[i]-took[0])
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// loads has many clients ask one server after the other, in slices.
func loads(ctx context.Context, n *lab.Node, all []*forwarder) error {
	for slice := range loadSlices {
		for i, f := range all[1:] {
			for _, cached := range []bool{false, true} {
				if err := f.load(ctx, n, cached, fmt.Sprintf("s%d.f%d", slice, i)); err != nil {
					return fmt.Errorf("loading %s: %w", f.name, err)
				}
			}
		}
	}
	return nil
}

// load has all clients ask as fast as they get answers, for one slice. label
// makes the names new ones unless they are to be cached.
func (f *forwarder) load(ctx context.Context, n *lab.Node, cached bool, label string) error {
	before, err := readUsage(f.pid)
	if err != nil {
		return err
	}
	var answers atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, loadAskers)
	began := time.Now()
	for c := range loadAskers {
		a, err := newAsker(ctx, n, f.addr)
		if err != nil {
			return err
		}
		wg.Go(func() {
			defer a.close()
			name := "same.example.com."
			for i := 0; time.Since(began) < loadSlice; i++ {
				if !cached {
					name = fmt.Sprintf("c%d.i%d.%s.example.com.", c, i, label)
				}
				if _, err := a.ask(name); err != nil {
					errs <- err
					return
				}
				answers.Add(1)
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	after, err := readUsage(f.pid)
	if err == nil && len(errs) > 0 {
		err = <-errs
	}
	f.note(cached, answers.Load(), took, after.cpu-before.cpu)
	return err
}

func (f *forwarder) note(cached bool, answers int64, took, cpu time.Duration) {
	if f.rate == nil {
		f.rate = map[bool]*rate{false: {}, true: {}}
	}
	r := f.rate[cached]
	r.answers, r.took, r.cpu = r.answers+answers, r.took+took, r.cpu+cpu
}
