package vpn

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"edgeagent/internal/status"
)

// routing is what the link's routes should be, and how putting them back goes.
type routing struct {
	hosts    []netip.Addr        // what Route was given
	forced   map[netip.Addr]bool // hosts that a range did not bring to the device
	withheld []netip.Prefix      // ranges not installed
	stray    []netip.Addr        // hosts that leave by another device all the same
	made     []route
	repairs  []time.Time // of the last hour
}

// newRouting is of a run that nobody has asked for routes yet.
func newRouting() routing { return routing{forced: map[netip.Addr]bool{}} }

// need notes addresses; they stay until the end of the run, or until many others
// were asked for.
func (r *routing) need(addrs []netip.Addr) { r.hosts = appendLatest(r.hosts, addrs...) }

// connected takes in that OpenVPN has a connection: a new one, or news of the
// one there is. The device is looked at each time: with the same options
// OpenVPN keeps it silently, with others it makes a new one.
func (k *keeper) connected(now time.Time, s stateLine) {
	k.timers.stop(releaseTimer, lookupTimer, wakeTimer)
	k.phase = connected
	k.attempt = attempt{server: s.remote}
	k.rejects = 0
	k.push.servers = appendNew(k.push.servers, k.prof.servers...)
	if k.path == nil {
		k.log.Info("OpenVPN connected", "server", s.remote, "address", s.local, "dns", k.push.servers)
		k.tellPushed()
	}
	k.confirmClock(now)
	k.attach(now, s.local)
}

// confirmClock: the server's certificate was accepted at this time.
func (k *keeper) confirmClock(now time.Time) {
	if err := k.o.opts.Clock.Confirm(now); err != nil {
		k.log.Warn("the clock's time is not kept", "err", err)
	}
}

// tellPushed logs what the server wants and does not get. Pushed ranges are
// not followed at all: inside the configured ones they add nothing, and a VPC
// that suddenly claims another range must not take it from the site's network.
func (k *keeper) tellPushed() {
	if len(k.push.routes) > 0 {
		k.log.Info("pushed routes are not followed, only the configured ones", "routes", k.push.routes)
	}
	switch full := k.o.opts.Link.FullTunnel; {
	case k.push.redirect && !full:
		k.log.Info("the server wants all traffic; full_tunnel is off, so only the VPC's goes through it")
	case !k.push.redirect && full:
		k.log.Warn("full_tunnel is on, but the server does not offer it; only the VPC's traffic goes through it")
	}
	if p := k.push.ping; k.o.opts.Link.Metered && p > 0 && p < chattyPing {
		k.log.Warn("the server pushes frequent pings on a metered link", "ping", p,
			"costs", fmt.Sprintf("about %d MB a month", int(352*time.Second/p)))
	}
}

// attach makes the path of the device that holds the pushed address.
func (k *keeper) attach(now time.Time, local netip.Addr) {
	v, err := k.o.kernel.View()
	if err != nil {
		k.rest(now, cause{status.ReasonInternal, err.Error(), "", fast})
		return
	}
	k.net = v
	dev, addr, ok := v.holder(local)
	if !ok {
		k.rest(now, cause{status.ReasonInterfaceMissing, fmt.Sprintf("no device has the address %s", local), "", fast})
		return
	}
	p := &Path{Link: k.o.opts.Link.Name, Device: dev.name, Index: dev.index, Address: addr, Servers: k.resolvers()}
	if k.path != nil && samePath(*k.path, *p) {
		return
	}
	// Another path is another link to those who depend on it, even if the old
	// one is replaced within the same moment.
	k.leave(now)
	k.device, k.path = dev, p
	k.target = k.attempt.server.Addr()
	k.up = v.uplink(k.target, dev.index)
	k.origin = k.up
	if err := k.route(); err != nil {
		k.log.Warn("routing", "err", err)
	}
	k.health.connected(now, k.push.ping)
}

// resolvers are the VPC's name servers: the configured, else the pushed.
func (k *keeper) resolvers() []netip.Addr {
	if len(k.o.opts.Servers) > 0 {
		return slices.Clone(k.o.opts.Servers)
	}
	return slices.Clone(k.push.servers)
}

// samePath compares what dependants hold on to. A new index is a new device,
// whatever its name: sockets bound to the old one are dead.
func samePath(a, b Path) bool {
	return a.Device == b.Device && a.Index == b.Index && a.Address == b.Address && slices.Equal(a.Servers, b.Servers)
}

// leave gives the path up. What depends on it must hear of it even if another
// is there at once, so that is told now.
func (k *keeper) leave(now time.Time) {
	if k.path == nil {
		return
	}
	// A probe that was sent into the old connection would keep one through the next
	// waiting, if that has the same device.
	k.giveUp()
	k.path, k.device = nil, device{}
	k.health.stopped()
	if now.Sub(k.since) >= stableAfter && !k.since.IsZero() {
		k.starts.reset()
		k.connects.reset()
	}
	k.since = time.Time{}
	k.publish(now)
}

// changed takes in an event of the kernel. The network is looked at once for
// a burst of them.
func (k *keeper) changed(now time.Time, _ struct{}) {
	k.timers.sooner(inspectTimer, now.Add(inspectEvery))
}

// inspect compares the network with what should be.
func (k *keeper) inspect(now time.Time) {
	v, err := k.o.kernel.View()
	if err != nil {
		k.log.Warn("looking at the network", "err", err)
		k.timers.set(inspectTimer, now.Add(time.Second))
		return
	}
	k.net = v
	if k.path != nil && !k.deviceStands(now, v) {
		return
	}
	k.followUplink(now, v)
	if k.path != nil {
		k.repair(now)
	}
}

// deviceStands reports whether the path's device is as it was. OpenVPN may have
// closed it itself and be about to say why; if it does not, it has not noticed
// (2.6.14 then burns the CPU) and is replaced.
func (k *keeper) deviceStands(now time.Time, v view) bool {
	what := ""
	switch dev, ok := v.link(k.path.Index); {
	case !ok:
		what = "vanished"
	case dev.name != k.path.Device:
		what = "was renamed to " + dev.name
	case !slices.Contains(dev.addresses, k.path.Address):
		what = "lost its address " + k.path.Address.String()
	case !dev.up:
		what = "was set down"
	default:
		return true
	}
	k.blame(now, cause{status.ReasonInterfaceMissing, k.path.Device + " " + what,
		"It is being made anew. If this repeats, keep NetworkManager, dhcpcd or scripts off tun devices.", fast})
	k.leave(now)
	k.timers.set(deviceTimer, now.Add(deviceGrace))
	return false
}

// replaceDeviceless ends a process that goes on without its device.
func (k *keeper) replaceDeviceless(now time.Time) {
	if k.phase == connected && k.path == nil {
		k.rest(now, *k.cause)
	}
}

// followUplink reacts to a change of the way to the VPN server.
func (k *keeper) followUplink(now time.Time, v view) {
	before := k.findWay(v)
	if before == k.up {
		return
	}
	k.log.Info("the uplink has changed", "from", before, "to", k.up)
	k.moveServer(v, before)
	if !k.up.ok() {
		if k.path != nil {
			k.health.doubt(now)
			k.blame(now, cause{status.ReasonNoUplink, fmt.Sprintf("%s is gone, and there is no other way out", before), "", fast})
		}
		return
	}
	k.kick(now)
	// The same way as before may carry the same connection on: a probe tells.
	if k.path == nil || k.up != k.origin {
		k.reconnect()
	}
}

// findWay looks for the way to the VPN server and returns the one before. On one
// that is back the gateway may have been asked for in vain just now.
func (k *keeper) findWay(v view) (before hop) {
	before, k.up = k.up, v.uplink(k.target, k.device.index)
	if !before.ok() && k.up.ok() {
		if err := k.o.kernel.Reask(k.up.index); err != nil {
			k.log.Warn("the uplink's neighbours", "err", err)
		}
	}
	return before
}

// cutOff reports whether nothing can leave for the VPN server. The kernel is
// asked as well: it knows of policy routing, but takes a route whose device has
// no carrier for a way.
func (k *keeper) cutOff() bool {
	if k.up.ok() || !k.target.IsValid() {
		return false
	}
	index, err := k.o.kernel.Leaves(k.target)
	if err != nil {
		return true
	}
	l, ok := k.net.link(index)
	return !ok || !l.up || index == k.device.index
}

// moveServer keeps the VPN server's own route on the uplink, or takes it away
// while there is no connection: it must not lead a new one astray.
func (k *keeper) moveServer(v view, before hop) {
	if k.path != nil {
		if err := k.route(); err != nil {
			k.log.Warn("routing", "err", err)
		}
		return
	}
	stale := slices.DeleteFunc(v.ours(), func(r route) bool { return r.index != before.index })
	if err := k.o.kernel.Change(stale, nil); err != nil {
		k.log.Warn("routing", "err", err)
	}
}

// kick makes the most of an event that promises success: no waiting now.
func (k *keeper) kick(now time.Time) {
	k.starts.reset()
	k.connects.reset()
	k.lookups.reset()
	k.probeAnew(now)
	if k.cause != nil && k.cause.pace != fast {
		return
	}
	for _, id := range []timer{startTimer, releaseTimer} {
		if _, waiting := k.timers[id]; waiting {
			k.timers.sooner(id, now)
		}
	}
	// A lookup that goes on was asked by the way there was before, and may wait
	// for its answer in vain for long.
	k.find()
}

// reconnect has OpenVPN make its connection anew. An attempt that has sent
// nothing yet takes the uplink there is by itself, and a signal would cost it
// 10 s: during its initialisation OpenVPN makes a SIGHUP of a SIGUSR1
// (close_context in init.c); on that it holds at once, so that nothing holds
// instead of the pause that follows (socket_restart_pause), and auth-retry
// nointeract makes that 10 s.
func (k *keeper) reconnect() {
	if k.phase == connecting && k.attempt.sent || k.phase == connected {
		k.ordered = true
		k.command("signal SIGUSR1")
	}
}

// repair puts back the routes that somebody removed or changed.
func (k *keeper) repair(now time.Time) {
	missing, _ := difference(k.routing.made, k.net.ours())
	stray := k.strays()
	if len(missing) == 0 && slices.Equal(stray, k.routing.stray) {
		return
	}
	k.routing.repairs = slices.DeleteFunc(k.routing.repairs, func(t time.Time) bool { return now.Sub(t) > time.Hour })
	if n := len(k.routing.repairs); n >= repairLimit && now.Sub(k.routing.repairs[n-1]) < repairPause {
		k.timers.sooner(inspectTimer, k.routing.repairs[n-1].Add(repairPause))
		return
	}
	k.routing.repairs = append(k.routing.repairs, now)
	k.log.Warn("putting routes back that somebody changed", "missing", len(missing), "stray", stray)
	if err := k.route(); err != nil {
		k.log.Warn("routing", "err", err)
	}
}

// route installs what is wanted and asks the kernel whether it worked.
func (k *keeper) route() error {
	v, err := k.o.kernel.View()
	if err != nil {
		return err
	}
	k.net = v
	err = k.apply(v)
	if stray := k.strays(); len(stray) > 0 {
		for _, h := range stray {
			k.routing.forced[h] = true
		}
		if v, err = k.o.kernel.View(); err != nil {
			return err
		}
		err = k.apply(v)
	}
	if k.routing.stray = k.strays(); len(k.routing.stray) > 0 {
		return fmt.Errorf("routing: %v leave by another device than %s", k.routing.stray, k.path.Device)
	}
	return err
}

// apply makes the kernel's routes those of the plan. Only the difference is
// touched: a route that is replaced by itself would be gone for a moment.
func (k *keeper) apply(v view) error {
	w := wanted{
		ranges: k.o.opts.Link.Routes, full: k.o.opts.Link.FullTunnel && k.push.redirect,
		hosts: k.hosts(), forced: k.routing.forced, server: k.attempt.server.Addr(),
	}
	want, withheld := w.plan(v, k.device, k.up)
	if !slices.Equal(withheld, k.routing.withheld) {
		k.log.Warn("ranges that are this device's own network are not routed as a whole", "ranges", withheld)
	}
	k.routing.made, k.routing.withheld = want, withheld
	remove, add := difference(v.ours(), want)
	return k.o.kernel.Change(remove, add)
}

// hosts are the addresses that must leave by the device.
func (k *keeper) hosts() []netip.Addr {
	return appendNew(slices.Clone(k.path.Servers), k.routing.hosts...)
}

// strays asks the kernel which of the hosts leave by another device.
func (k *keeper) strays() []netip.Addr {
	var out []netip.Addr
	for _, h := range k.hosts() {
		if index, err := k.o.kernel.Leaves(h); err != nil || index != k.path.Index {
			out = append(out, h)
		}
	}
	return out
}
