package vpn

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// server returns the server that a process is started for. It is false if the
// process is to ask. That costs up to a second each time: after the answer
// OpenVPN goes once more round a loop that waits for another command
// (ce_management_query_remote in init.c). But one that asks needs not be replaced
// for another address, and keeps its device.
func (k *keeper) server() (remote, bool) {
	r, ok := k.prof.sole()
	return r, ok && !takesAll(k.o.opts.Link)
}

// takesAll reports whether the link is to carry everything. What is of the VPC is
// refused where its device is missing, but not the rest: that device must stay.
func takesAll(l config.Link) bool {
	return l.FullTunnel || slices.ContainsFunc(l.Routes, func(p netip.Prefix) bool { return p.Bits() == 0 })
}

// trusted reports whether the address tried last is right for server as far as is
// known, and has not been tried since its path was proved.
func (k *keeper) trusted(server remote) bool {
	return k.servers.trusts(k.pin) && slices.Contains(k.servers.usable(server), k.pin)
}

// release lets OpenVPN make its next attempt, once it is known where to.
func (k *keeper) release(now time.Time) {
	if k.phase != holding {
		return
	}
	if c := k.id.check(k.o.opts.Clock, now); c != nil {
		k.blame(now, *c)
		k.timers.set(releaseTimer, now.Add(c.pace.pause(&k.connects)))
		return
	}
	if !k.pin.IsValid() {
		k.unleash(now)
		return
	}
	server, ok := k.server()
	addr, err := netip.ParseAddr(server.host)
	switch {
	case !ok || err == nil && addr != k.pin: // it was reread meanwhile
		k.restart(now)
	case err == nil || k.next == k.pin:
		k.unleash(now)
	case k.trusted(server):
		// No waiting for the site's DNS to be told what was right a moment ago.
		k.unleash(now)
		if k.up.ok() { // else it will say nothing about the server
			k.servers.use(k.pin)
		}
		k.pending = server
		k.find()
	default:
		k.lookups.reset()
		k.pending = server
		k.find()
	}
}

// unleash releases a process, which either asks or has its address.
func (k *keeper) unleash(now time.Time) {
	k.phase, k.attempt, k.next = connecting, attempt{}, netip.Addr{}
	if k.pin.IsValid() {
		server, _ := k.server()
		k.aim(k.pin, server.port)
	}
	k.command("hold release")
	k.spoke(now) // it is its turn now
}

// query answers OpenVPN's question where to connect to. It waits for the
// answer, and for no lookup of its own.
func (k *keeper) query(r remote) {
	k.pending = r
	if addr, err := netip.ParseAddr(r.host); err == nil {
		k.dial(addr, "ACCEPT")
		return
	}
	k.lookups.reset()
	k.find()
}

// seek looks again. What the user's file names may be another server by now.
func (k *keeper) seek(now time.Time) {
	if k.phase == seeking {
		k.start(now)
		return
	}
	k.find()
}

// asking reports whether a lookup's outcome is waited for.
func (k *keeper) asking() bool {
	return k.pending != (remote{}) && (k.phase == seeking || k.phase == holding || k.phase == connecting)
}

// find looks up the server's name.
func (k *keeper) find() {
	query, s := k.pending, &servers{lookup: k.servers.lookup, random: k.servers.random}
	if !k.asking() {
		return
	}
	k.timers.stop(lookupTimer)
	go func() { deliver(k.ctx, k.looked, s.find(k.ctx, query)) }()
}

// found takes in a lookup. Without an address OpenVPN goes on waiting, if it runs
// at all.
func (k *keeper) found(now time.Time, f found) {
	if f.query != k.pending || !k.asking() {
		return
	}
	if k.phase == connecting && k.pin.IsValid() {
		k.confirm(now, f)
		return
	}
	addr, err := k.servers.choose(f)
	if err != nil {
		k.blame(now, k.nameless(err))
		k.timers.set(lookupTimer, now.Add(lookupBase+k.lookups.next()))
		return
	}
	if f.err != nil {
		k.log.Warn("using the address the name had before", "address", addr, "err", f.err)
	}
	switch {
	case k.phase == seeking:
		k.launch(now, addr)
	case k.phase == connecting:
		k.dial(addr, fmt.Sprintf("MOD %s %s", addr, k.pending.port))
	case addr == k.pin:
		k.unleash(now)
	default:
		k.replace(now, addr)
	}
}

// confirm takes in a lookup beside an attempt at the address there was before. A
// server that has answered there is not left for what the name says.
func (k *keeper) confirm(now time.Time, f found) {
	k.servers.note(f)
	k.pending = remote{}
	if f.err != nil || k.attempt.answered || slices.Contains(k.servers.usable(f.query), k.pin) {
		return
	}
	if addr, err := k.servers.choose(f); err == nil {
		k.replace(now, addr)
	}
}

// replace starts another process for another address: this one knows no other.
func (k *keeper) replace(now time.Time, addr netip.Addr) {
	k.log.Info("OpenVPN is replaced for the server's next address", "from", k.pin, "to", addr)
	k.next = addr
	k.restart(now)
}

// reread has OpenVPN read its configuration again.
func (k *keeper) reread(now time.Time) {
	if c := k.prepare(now); c != nil {
		k.blame(now, *c)
		return
	}
	if k.phase == holding {
		k.release(now) // signals are refused during a hold
		return
	}
	if _, ok := k.server(); !ok {
		k.pin = netip.Addr{}
	}
	if err := k.o.engine.Write(k.prof, k.pin); err != nil {
		k.blame(now, badFile(err))
		return
	}
	k.command("signal SIGHUP")
}

// nameless says why a lookup failed: without a way out no name resolves, and
// a technician should look at the cable, not at the DNS.
func (k *keeper) nameless(err error) cause {
	if !k.up.ok() {
		return noWayOut()
	}
	return cause{status.ReasonNoName, fmt.Sprintf("the VPN server's name does not resolve: %v", err), "", fast}
}

// dial answers the query.
func (k *keeper) dial(addr netip.Addr, answer string) {
	k.aim(addr, k.pending.port)
	k.command("remote " + answer)
	k.timers.set(wakeTimer, time.Now().Truncate(time.Second).Add(time.Second+wakeLag))
}

// wake ends the wait that follows OpenVPN's query: it lasts to the turn of a
// second, but without a command it is noticed up to a second later.
func (k *keeper) wake(time.Time) {
	if k.phase == connecting && !k.attempt.sent {
		k.command(harmless)
	}
}

// aim notes where the next attempt goes. In a full tunnel the route that keeps
// this address on the uplink comes first: the one of the address before does not
// cover it.
func (k *keeper) aim(addr netip.Addr, port string) {
	k.attempt.server = parseAddrPort(addr.String(), port)
	k.pending = remote{}
	if v, err := k.o.kernel.View(); err == nil {
		k.net = v
	}
	k.target = addr
	k.findWay(k.net)
	if r, needed := serverRoute(k.net.ours(), addr, k.up); needed {
		if err := k.o.kernel.Change(nil, []route{r}); err != nil {
			k.log.Warn("routing", "err", err)
		}
	}
}
