package resolver

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"edgeagent/internal/config"
)

// applyAs points the system at the stub in the decided mode. What another mode
// has done goes afterwards, so that no private name gets away in between; but
// openresolv writes resolv.conf itself, and would write through our link.
func (h *Host) applyAs(ctx context.Context, d decision) error {
	if err := h.marker.put(d.mode); err != nil {
		return err
	}
	var err error
	switch d.mode {
	case config.HostResolved:
		err = h.resolved.apply(ctx)
	case config.HostResolvconf:
		if err = h.file.restore(ctx); err == nil {
			err = h.resolvconf.apply(ctx, h.recordContent())
		}
	}
	if err == nil && d.file {
		err = h.file.apply(ctx, h.content)
	}
	if err != nil {
		return err
	}
	return h.undoOthers(ctx, d)
}

// undoOthers undoes what the decided mode has no use for.
func (h *Host) undoOthers(ctx context.Context, d decision) error {
	var err error
	if !d.file {
		err = h.file.restore(ctx)
	}
	if d.mode != config.HostResolved {
		err = errors.Join(err, h.resolved.control.release())
	}
	if d.mode != config.HostResolvconf {
		err = errors.Join(err, h.resolvconf.restore(ctx))
	}
	return err
}

// recordContent is what our record in openresolv says: no search list, for
// openresolv leaves the others' out, and nothing that changes by itself.
func (h *Host) recordContent() []byte {
	var c strings.Builder
	c.WriteString("nameserver " + h.o.Config.Listen.Addr().String() + "\n")
	if search := h.Search(); len(search) > 0 {
		c.WriteString("search " + strings.Join(search, " ") + "\n")
	}
	c.WriteString("options edns0\n")
	return []byte(c.String())
}

// Repair points a system at the stub again that somebody else has changed, or
// that nobody has pointed yet. It is what the root helper does when the daemon
// rings or resolv.conf changes. Of a system that is as it should be it changes
// nothing. It repairs at most ten times in an hour, and returns nil when it
// leaves things alone.
func (h *Host) Repair(ctx context.Context) error {
	// Whoever changes resolv.conf makes a new file first, which is what starts
	// the helper; systemd does not see what comes while it runs.
	pause(ctx, settleFor)
	return h.repairAt(ctx, time.Now())
}

func (h *Host) repairAt(ctx context.Context, now time.Time) error {
	d := h.decide()
	h.logTrail(d)
	if d.mode == config.HostNone || d.fault != "" || !h.trampled(d) && h.pointed(d) {
		return nil
	}
	if !h.trampled(d) {
		return h.Apply(ctx) // nobody has changed anything
	}
	if next := h.budget.next(now); next.After(now) {
		h.o.Log.Error("the system's DNS is changed again and again, it is left alone for now",
			"by", h.findCulprit(d), "times", len(h.budget.spent(now)), "until", next)
		return nil
	}
	if err := h.budget.take(now); err != nil {
		return err
	}
	h.o.Log.Warn("the system's DNS was changed, putting it back", "by", h.findCulprit(d), "what", h.inspect(d).Detail)
	return h.Apply(ctx)
}

// marker is a file of the runtime directory that says in which mode the system
// was pointed at the stub. It is there from before the first step until before
// it is undone on purpose; a boot forgets it.
type marker struct{ path string }

func (m marker) get() string {
	data, err := readSmall(m.path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (m marker) put(mode string) error {
	if m.get() == mode {
		return nil
	}
	return replaceFile(m.path, []byte(mode+"\n"))
}

func (m marker) remove() error {
	if err := os.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
