package rival

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"edgeagent/internal/lab"
)

// How long faults last that are lifted by somebody.
const (
	goneTime      = 30 * time.Second
	blackholeTime = 60 * time.Second
	cableTime     = 20 * time.Second
)

// world is a lab with one of the stacks on its device.
type world struct {
	*lab.Lab
	stack
}

// fault is one row of the comparison.
type fault struct {
	name, how string
	note      string        // why the agent is not faster
	hold      time.Duration // from inject to lift
	rounds    int
	// expect is about how long one round takes with both stacks, to begin with
	// the longest.
	expect time.Duration
	inject func(ctx context.Context, w world) error
	lift   func(ctx context.Context, w world) error // nil: nothing is lifted
}

// rounds is how often each fault is measured, unless it takes too long.
const rounds = 3

// faults returns the rows in the order of the path.
func faults() []fault {
	return append(pathFaults(), deviceFaults()...)
}

// pathFaults are those of the world outside the device.
func pathFaults() []fault {
	return []fault{
		{name: "VPN server restarts", how: "SIGKILL of the OpenVPN server, started again at once", expect: 70 * time.Second, rounds: rounds,
			inject: func(ctx context.Context, w world) error { w.KillVPN(); return w.StartVPN(ctx) }},
		{name: "VPN server gone for 30 s", how: "SIGKILL of the OpenVPN server, started 30 s later", expect: 140 * time.Second, rounds: rounds, hold: goneTime,
			inject: func(_ context.Context, w world) error { w.KillVPN(); return nil },
			lift:   func(ctx context.Context, w world) error { return w.StartVPN(ctx) }},
		{name: "black hole for 60 s", how: "UDP 443 dropped both ways at the uplink", expect: 220 * time.Second, rounds: rounds, hold: blackholeTime,
			inject: func(_ context.Context, w world) error { return w.BlackholeVPN(true) },
			lift:   func(_ context.Context, w world) error { return w.BlackholeVPN(false) }},
		{name: "uplink cable out for 20 s",
			note: "OpenVPN and TCP go on where they were, if the cable is back before ping-restart; the agent has said what is wrong within a second and makes both anew.",
			how:  "the far end of eth0 goes down; addresses and routes stay", expect: 100 * time.Second, rounds: rounds, hold: cableTime,
			inject: func(_ context.Context, w world) error { return w.Unplug() },
			lift:   func(_ context.Context, w world) error { return w.Plug() }},
		{name: "uplink address changes",
			note: "OpenVPN's packets just come from the new address; the agent makes the connection anew.",
			how:  "eth0 gets another address of its LAN, and then loses the old one", expect: 30 * time.Second, rounds: rounds, inject: changeAddress},
		{name: "VPC resolver dead for 30 s",
			note: "Nobody needs it while the session stands; the stack never knows, the agent says it.",
			how:  "unbound is stopped, and started 30 s later", expect: 90 * time.Second, rounds: rounds, hold: goneTime,
			inject: func(_ context.Context, w world) error { w.StopResolver(); return nil },
			lift:   func(ctx context.Context, w world) error { return w.StartResolver(ctx) }},
		{name: "broker restarts",
			note: "Both are back within seconds: the stack after a second, the agent after a random time, lest a fleet come back at once.",
			how:  "SIGKILL of mosquitto, started again at once", expect: 30 * time.Second, rounds: rounds, inject: restartBroker},
		{name: "broker session half-open",
			note: "Only the keepalive finds it: 60 s there, 230 s here, at a quarter of the bytes. `mqtt.keep_alive` changes it.",
			how:  "the session's packets vanish both ways without FIN or RST; a new session would be served", expect: 390 * time.Second, rounds: rounds, inject: swallowSession},
		{name: "endpoint's addresses move", how: "the private zone has other addresses, the old ones are gone", expect: 180 * time.Second, rounds: rounds, inject: moveEndpoint},
	}
}

// deviceFaults are those of the device itself.
func deviceFaults() []fault {
	return []fault{
		{name: "resolv.conf trampled, then the broker restarts", how: "the DHCP client writes its own /etc/resolv.conf; 5 s later SIGKILL and start of mosquitto", expect: 340 * time.Second, rounds: rounds, inject: trample},
		{name: "OpenVPN killed", how: "SIGKILL of the device's openvpn", expect: 35 * time.Second, rounds: rounds,
			inject: func(_ context.Context, w world) error { return signalOpenVPN(w, syscall.SIGKILL) }},
		{name: "MQTT client killed",
			note: "The stack's OpenVPN lives on meanwhile; the agent's death is that of its OpenVPN too, and both come back.",
			how:  "SIGKILL of the program that holds the MQTT session: the agent's daemon, the script", expect: 35 * time.Second, rounds: rounds,
			inject: func(_ context.Context, w world) error { w.killMQTT(); return nil }},
		// Once: it costs the whole limit.
		{name: "OpenVPN hangs", how: "SIGSTOP of the device's openvpn", expect: 400 * time.Second, rounds: 1,
			inject: func(_ context.Context, w world) error { return signalOpenVPN(w, syscall.SIGSTOP) }},
	}
}

// signalOpenVPN signals whatever OpenVPN runs on the device.
func signalOpenVPN(w world, sig syscall.Signal) error {
	pids, err := w.Device.Processes("openvpn")
	if err != nil {
		return err
	}
	if len(pids) != 1 {
		return fmt.Errorf("openvpn runs as %v on the device, want one process", pids)
	}
	return syscall.Kill(pids[0], sig)
}

func restartBroker(ctx context.Context, w world) error {
	w.StopBroker()
	return w.StartBroker(ctx)
}

// trampleLead is how long the trampled file has lain there when a lookup needs it.
const trampleLead = 5 * time.Second

// trample writes what the site's DHCP server says, as a client without resolvconf
// does at each renewal. Only a session that has to be made anew shows it.
func trample(ctx context.Context, w world) error {
	if err := w.Device.WriteFile("/etc/resolv.conf", w.ResolvConf()); err != nil {
		return err
	}
	if err := sleep(ctx, trampleLead); err != nil {
		return err
	}
	return restartBroker(ctx, w)
}

// changeAddress does what NetworkManager does with a new lease: the new address
// comes before the old one goes, so that the routes of others stay.
func changeAddress(ctx context.Context, w world) error {
	// As systemd sets it on every Debian.
	err := w.Device.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/conf/eth0/promote_secondaries", []byte("1"), 0)
	})
	if err != nil {
		return err
	}
	for _, args := range []string{"addr add 192.168.77.3/24 dev eth0", "addr del 192.168.77.2/24 dev eth0", "route replace default via 192.168.77.1"} {
		if _, err := w.Device.Run(ctx, "ip", strings.Fields(args)...); err != nil {
			return err
		}
	}
	return nil
}

// moveEndpoint makes the VPC endpoint anew elsewhere.
func moveEndpoint(ctx context.Context, w world) error {
	if err := w.ResolverAnswers(ctx, lab.AnswerOthersPrivate); err != nil {
		return err
	}
	for _, addr := range lab.BrokerAddrs {
		if _, err := w.VPC.Run(ctx, "ip", "addr", "del", addr.String()+"/32", "dev", "lo"); err != nil {
			return err
		}
	}
	return nil
}

// swallowSession has the device's established session lose every packet.
func swallowSession(ctx context.Context, w world) error {
	out, err := w.VPC.Run(ctx, "ss", "-Htn", "state", "established", "sport", "=", fmt.Sprintf(":%d", lab.BrokerPort))
	if err != nil {
		return err
	}
	fields := strings.Fields(out)
	if len(fields) != 4 {
		return fmt.Errorf("the broker's sessions are %q, want one", out)
	}
	port := fields[3][strings.LastIndexByte(fields[3], ':')+1:]
	rules := fmt.Sprintf(`table inet swallow {
	chain in { type filter hook prerouting priority raw; tcp dport %[1]d tcp sport %[2]s drop; }
	chain out { type filter hook output priority raw; tcp sport %[1]d tcp dport %[2]s drop; }
}`, lab.BrokerPort, port)
	_, err = w.VPC.Run(ctx, "nft", rules)
	return err
}

// refusePublic has the public endpoint refuse the device, as the articles' policy
// with aws:SourceVpce does; packets to it are counted nevertheless.
func refusePublic(ctx context.Context, l *lab.Lab) error {
	rules := fmt.Sprintf(`table inet sourcevpce {
	chain in { type filter hook input priority filter; ip daddr %s tcp dport %d reject with tcp reset; }
}`, lab.TrapRange, lab.BrokerPort)
	_, err := l.Uplink.Run(ctx, "nft", rules)
	return err
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
