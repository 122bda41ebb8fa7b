package vpn

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// bind gives what is bound to the device its own way out; the zero device: none.
func (w *warden) bind(d device) {
	same := d.index == w.bound.index && d.name == w.bound.name && slices.Equal(d.addresses, w.bound.addresses)
	if same && (d.index == 0 || w.gateway == w.boundBy) {
		return
	}
	if w.bound.index != 0 && d.index != w.bound.index {
		if err := w.i.kernel.Unbind(w.bound); err != nil {
			w.log.Warn("routing", "err", err)
		}
	}
	w.bound, w.boundBy = d, w.gateway
	if d.index == 0 {
		return
	}
	if err := w.i.kernel.Bind(d, w.gateway); err != nil {
		w.log.Warn("routing", "err", err)
	}
}

// repair puts back the routes that somebody removed or changed: NetworkManager
// flushes a device's routes when it applies a connection anew.
func (w *warden) repair(now time.Time, moved bool) {
	missing, _ := difference(w.routing.made, w.net.ours())
	stray := w.strays()
	if !moved && len(missing) == 0 && slices.Equal(stray, w.routing.stray) {
		return
	}
	if wait, ok := w.routing.mayRepair(now); !ok {
		w.timers.sooner(lookTimer, wait)
		return
	}
	w.log.Warn("putting routes back that somebody changed", "missing", len(missing), "stray", stray)
	if err := w.route(); err != nil {
		w.log.Warn("routing", "err", err)
	}
}

// mayRepair reports whether routes may be put back now, and when if not.
func (r *routing) mayRepair(now time.Time) (wait time.Time, ok bool) {
	r.repairs = slices.DeleteFunc(r.repairs, func(t time.Time) bool { return now.Sub(t) > time.Hour })
	if n := len(r.repairs); n >= repairLimit && now.Sub(r.repairs[n-1]) < repairPause {
		return r.repairs[n-1].Add(repairPause), false
	}
	r.repairs = append(r.repairs, now)
	return time.Time{}, true
}

// route installs what is wanted and asks the kernel whether it worked. Hosts
// that somebody's more specific route takes away get one of their own.
func (w *warden) route() error {
	err := w.apply()
	if stray := w.strays(); len(stray) > 0 {
		for _, h := range stray {
			w.routing.forced[h] = true
		}
		err = w.apply()
	}
	if w.routing.stray = w.strays(); len(w.routing.stray) > 0 {
		return fmt.Errorf("routing: %v leave by another device than %s", w.routing.stray, w.path.Device)
	}
	return err
}

// apply makes the link's routes those of the plan.
func (w *warden) apply() error {
	v, err := w.i.kernel.View()
	if err != nil {
		return err
	}
	w.net = v
	plan := wanted{ranges: w.i.opts.Link.Routes, hosts: w.hosts(), forced: w.routing.forced}
	want, withheld := plan.plan(v, w.device, hop{})
	for n := range want {
		want[n].gateway = w.gateway
	}
	if !slices.Equal(withheld, w.routing.withheld) {
		w.log.Warn("ranges that are this device's own network are not routed as a whole", "ranges", withheld)
	}
	w.routing.withheld = withheld
	return w.change(want)
}

// change makes the link's routes those of want. Only the difference is touched:
// a route that is replaced by itself would be gone for a moment.
func (w *warden) change(want []route) error {
	v, err := w.i.kernel.View()
	if err != nil {
		return err
	}
	w.net, w.routing.made = v, want
	remove, add := difference(v.ours(), want)
	return w.i.kernel.Change(remove, add)
}

// hosts are the addresses that must leave by the device.
func (w *warden) hosts() []netip.Addr {
	return appendNew(slices.Clone(w.path.Servers), w.routing.hosts...)
}

// strays asks the kernel which of the hosts leave by another device.
func (w *warden) strays() []netip.Addr {
	var out []netip.Addr
	for _, h := range w.hosts() {
		if index, err := w.i.kernel.Leaves(h); err != nil || index != w.path.Index {
			out = append(out, h)
		}
	}
	return out
}
