package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/faults"
)

// restartPause is systemd's between the end of a service and its next start; see
// RestartSec= in edgeagent.service.
const restartPause = time.Second

// rows are everything that happens: what is done with an agent, what the fault
// matrix has that may happen again and again, and what only a second link adds.
// Only those whose name only matches, if it is not nil.
func rows(only *regexp.Regexp) []faults.Row {
	all := slices.Concat(work(), simRows())
	for _, row := range faults.Rows() {
		if row.Soak && row.LeftOut == "" && !row.Supervised {
			all = append(all, row)
		}
	}
	all = slices.Concat(all, missing(all))
	return slices.DeleteFunc(all, func(r faults.Row) bool { return only != nil && !only.MatchString(r.Name) })
}

// missing are the faults below that the matrix does not have under the same name.
func missing(have []faults.Row) (rows []faults.Row) {
	for _, row := range pathRows() {
		if !slices.ContainsFunc(have, func(h faults.Row) bool { return h.Name == row.Name }) {
			rows = append(rows, row)
		}
	}
	return rows
}

// at is the place of a row.
func at(stage string) []faults.Want { return []faults.Want{{Stage: stage}} }

// in makes a step of what needs the lab alone.
func in(f func(l *lab.Lab) error) func(context.Context, *faults.Rig) error {
	return func(_ context.Context, r *faults.Rig) error { return f(r.Lab) }
}

// work is what people and programs do with an agent.
func work() []faults.Row {
	return []faults.Row{
		tunnelRow(),
		{Name: "notify burst", How: "50 notifications at once, none of them good", Want: at(placeWork), Inject: burst},
		{Name: "reload", How: "SIGHUP", Want: at(placeWork),
			Inject: func(_ context.Context, r *faults.Rig) error { r.Agent.Signal(syscall.SIGHUP); return nil }},
		{Name: "questions", How: "status, check, metrics and link list, all at once", Want: at(placeWork), Inject: questions},
		{Name: "daemon killed", How: "SIGKILL, and started again a second later", Want: at(placeDaemon), Inject: killDaemon},
	}
}

// pathRows are faults of the path that a soak cannot do without.
func pathRows() []faults.Row {
	return []faults.Row{
		{Name: "VPN black hole", How: "a firewall drops UDP 443 both ways", Want: at("link"),
			Inject: in(func(l *lab.Lab) error { return l.BlackholeVPN(true) }), Lift: in(func(l *lab.Lab) error { return l.BlackholeVPN(false) })},
		{Name: "VPN server killed", How: "SIGKILL of the OpenVPN server", Want: at("link"),
			Inject: in(func(l *lab.Lab) error { l.KillVPN(); return nil }),
			Lift:   func(ctx context.Context, r *faults.Rig) error { return r.StartVPN(ctx) }},
		{Name: "cable out", How: "the other end of the cable goes down", Want: at("link"),
			Inject: in((*lab.Lab).Unplug), Lift: in((*lab.Lab).Plug)},
		{Name: "interface down", How: "ip link set eth0 down", Want: at("link"),
			Inject: in((*lab.Lab).LinkDown), Lift: in((*lab.Lab).LinkUp)},
		{Name: "OpenVPN killed", How: "SIGKILL of the agent's OpenVPN", Want: at("link"), Inject: killOpenVPN},
		{Name: "VPC resolver dead", How: "SIGKILL of unbound", Want: at("dns"),
			Inject: in(func(l *lab.Lab) error { l.StopResolver(); return nil }),
			Lift:   func(ctx context.Context, r *faults.Rig) error { return r.StartResolver(ctx) }},
		{Name: "broker dead", How: "SIGKILL of mosquitto", Want: at("broker"),
			Inject: in(func(l *lab.Lab) error { l.StopBroker(); return nil }),
			Lift:   func(ctx context.Context, r *faults.Rig) error { return r.StartBroker(ctx) }},
		{Name: "broker silent", How: "SIGSTOP of mosquitto", Want: at("broker"),
			Inject: in(func(l *lab.Lab) error { l.FreezeBroker(true); return nil }),
			Lift:   in(func(l *lab.Lab) error { l.FreezeBroker(false); return nil })},
	}
}

// simRows are what happens to the standby.
func simRows() []faults.Row {
	const place = "sim"
	return []faults.Row{
		{Name: "SIM hung up", How: "ppp0 disappears", Want: at(place),
			Inject: in(func(l *lab.Lab) error { l.Canal.HangUp(); return nil }),
			Lift:   in(func(l *lab.Lab) error { return l.Canal.Dial(lab.CanalDevices[0]) })},
		{Name: "SIM without signal", How: "the modem has no carrier", Want: at(place),
			Inject: in(func(l *lab.Lab) error { return l.Canal.Carrier(false) }),
			Lift:   in(func(l *lab.Lab) error { return l.Canal.Carrier(true) })},
		{Name: "SIM's way into the VPC dead", How: "the pong answers, the VPC does not", Want: at(place),
			Inject: in(func(l *lab.Lab) error { l.Canal.VPCDead(true); return nil }),
			Lift:   in(func(l *lab.Lab) error { l.Canal.VPCDead(false); return nil })},
	}
}

// burst is what comes when a broker gives out what it has kept, or somebody
// publishes what he should not.
func burst(ctx context.Context, r *faults.Rig) error {
	_, err := r.VPC.Run(ctx, "sh", "-c", `for i in $(seq 50); do echo "{\"number\": $i}"; done |
		mosquitto_pub -h 127.0.0.1 -p 1883 -q 1 -t '`+lab.NotifyTopic+`' -l`)
	return err
}

// questions asks everything that may be asked, at once. Some find faults, which is
// an answer; what they must not do is fail to answer.
func questions(ctx context.Context, r *faults.Rig) error {
	all := [][]string{
		{"status"}, {"status", "--json"}, {"check", "--config", r.ConfigFile()}, {"metrics"}, {"link", "list"}, {"tunnel", "list"},
	}
	errs := make([]error, len(all))
	var asking sync.WaitGroup
	for i, args := range all {
		asking.Go(func() {
			out, code, err := r.Edgeagent(ctx, r.Bin, args...)
			if errs[i] = err; err == nil && code > 1 {
				errs[i] = fmt.Errorf("%s ends with %d: %s", strings.Join(args, " "), code, out)
			}
		})
	}
	asking.Wait()
	return errors.Join(errs...)
}

// killDaemon does what happens to a daemon on a device without memory, and what
// systemd then does.
func killDaemon(ctx context.Context, r *faults.Rig) (err error) {
	r.Agent.Kill()
	if err := sleep(ctx, restartPause); err != nil {
		return err
	}
	r.Agent, err = r.StartAgent(r.Bin)
	return err
}

// killOpenVPN kills the agent's OpenVPN; there may be none at the moment.
func killOpenVPN(_ context.Context, r *faults.Rig) error {
	pids, err := r.Device.Processes("openvpn")
	for _, pid := range pids {
		if killErr := syscall.Kill(pid, syscall.SIGKILL); killErr != nil && !errors.Is(killErr, os.ErrProcessDone) && !errors.Is(killErr, syscall.ESRCH) {
			err = errors.Join(err, killErr)
		}
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
