package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"edgeagent/internal/config"
)

// HostOptions say how the operating system is to be pointed at the stub. Empty
// paths mean the system's own.
type HostOptions struct {
	Config     config.Resolver
	RuntimeDir string // holds the resolv.conf that /etc/resolv.conf leads to

	EtcResolvConf string // default /etc/resolv.conf
	NMResolvConf  string // default /run/NetworkManager/resolv.conf
	ResolvedConf  string // default /run/systemd/resolve/resolv.conf
	NSSwitchConf  string // default /etc/nsswitch.conf
	Resolvconf    string // the program resolvconf; default: where Debian has it
	ResolvconfDir string // its records; default /run/resolvconf

	// Repair points a trampled system at the stub again. Default Host.Repair,
	// which needs root; a daemon without it rings for its helper (RingForRepair).
	Repair func(ctx context.Context) error
	Log    *slog.Logger
}

// HostState is how the operating system is pointed at the stub.
type HostState struct {
	Mode     string           // the decided mode
	Pointed  bool             // the C library asks the stub and nobody else
	Culprit  string           // who changed it last, if it was changed
	Repairs  int              // times it was put back in the last hour
	GaveUp   bool             // changed too often: put back no more for a while
	Detail   string           // why it is not pointed, or not as configured
	Upstream []netip.AddrPort // the uplink's servers
}

// ErrHostMode means that the OS cannot be pointed at the stub in the mode that
// is configured.
var ErrHostMode = errors.New("host mode cannot be used")

// Host points the operating system at the stub, and back. Apply, Repair and
// Restore need root, the rest does not. It is safe for concurrent use, by
// several processes as well.
type Host struct {
	o          HostOptions
	file       fileMode
	resolved   resolvedMode
	resolvconf resolvconfMode
	marker     marker
	known      known
	budget     budget
	lock       string // held while something is changed
	// obstacle is what the helper found in the way. The daemon's sandbox hides it.
	obstacle  marker
	sandboxed bool

	mu    sync.Mutex
	trail []string // of the last decision that was logged
}

// NewHost returns a Host; it changes nothing yet.
func NewHost(o HostOptions) *Host {
	for _, d := range []struct {
		path  *string
		value string
	}{
		{&o.EtcResolvConf, "/etc/resolv.conf"},
		{&o.NMResolvConf, "/run/NetworkManager/resolv.conf"},
		{&o.ResolvedConf, "/run/systemd/resolve/resolv.conf"},
		{&o.NSSwitchConf, "/etc/nsswitch.conf"},
		{&o.Resolvconf, "/sbin/resolvconf"},
		{&o.ResolvconfDir, "/run/resolvconf"},
	} {
		if *d.path == "" {
			*d.path = d.value
		}
	}
	if dir, err := filepath.Abs(o.RuntimeDir); err == nil {
		o.RuntimeDir = dir // it becomes the target of a link
	}
	h := &Host{o: o, sandboxed: os.Geteuid() != 0}
	h.obstacle = marker{filepath.Join(o.RuntimeDir, "resolver.obstacle")}
	h.known = known{marker{filepath.Join(o.RuntimeDir, "resolver.upstream")}}
	h.marker, h.budget = marker{filepath.Join(o.RuntimeDir, "resolver.mode")}, budget{filepath.Join(o.RuntimeDir, "resolver.repairs")}
	h.lock = filepath.Join(o.RuntimeDir, "resolver.lock")
	nothing := func(string) {}
	h.file = fileMode{
		etc: o.EtcResolvConf, saved: o.EtcResolvConf + ".edgeagent-saved", fresh: o.EtcResolvConf + ".edgeagent-new",
		runtime: filepath.Join(o.RuntimeDir, "resolv.conf"), lock: filepath.Join(o.RuntimeDir, "resolv.conf.lock"),
		stub: o.Config.Listen.Addr(), fallback: o.NMResolvConf, swap: renameExchange, step: nothing,
	}
	h.resolved = resolvedMode{control: resolvedBus{step: nothing}, stub: o.Config.Listen, domains: o.Config.Domains}
	h.resolvconf = resolvconfMode{
		program: o.Resolvconf, dir: o.ResolvconfDir, etc: o.EtcResolvConf, stub: o.Config.Listen.Addr(), step: nothing,
	}
	return h
}

// Mode returns the decided mode: one of config.HostResolved, HostResolvconf,
// HostFile and HostNone.
func (h *Host) Mode() string { return h.decide().mode }

// Apply points the operating system at the stub, or undoes it if the mode is
// none. What a crash or another mode left behind is healed first. It is
// idempotent, and a system that is pointed at the stub stays so throughout. A
// configured mode that cannot be used is an error that wraps ErrHostMode; the
// mode auto then falls back to none.
func (h *Host) Apply(ctx context.Context) error {
	d := h.decide()
	h.logTrail(d)
	h.remember()
	if err := h.leaveWord(d); err != nil {
		h.o.Log.Warn("the daemon will not know why other programs do not ask it", "err", err)
	}
	if d.mode == config.HostNone || d.fault != "" {
		if err := h.Restore(ctx); err != nil {
			return err
		}
		if d.mode != config.HostNone {
			return fmt.Errorf("pointing the system at the stub: %w: %s", ErrHostMode, d.fault)
		}
		return nil
	}
	unlock, err := lockFile(ctx, h.lock)
	if err == nil {
		defer unlock()
		err = h.applyAs(ctx, d)
	}
	if err != nil {
		return fmt.Errorf("pointing the system at the stub: %w", err)
	}
	return nil
}

// Restore brings the operating system's own DNS back. Of /etc/resolv.conf it
// brings back type, target, bytes, mode and owner; if somebody has changed it
// since, that is newer and stays. It is idempotent, and undoes every mode,
// whatever the configuration says by now.
func (h *Host) Restore(ctx context.Context) error {
	unlock := func() {}
	var err error
	if isDir(h.o.RuntimeDir) { // or nothing has been done since the boot
		unlock, err = lockFile(ctx, h.lock)
	}
	if err == nil {
		defer unlock()
		err = errors.Join(h.marker.remove(), h.known.remove(), h.file.restore(ctx), h.resolved.control.release(), h.resolvconf.restore(ctx))
	}
	if err != nil {
		return fmt.Errorf("restoring the system's DNS: %w", err)
	}
	return nil
}

// leaveWord tells the daemon what is in the way, which it cannot see itself.
func (h *Host) leaveWord(d decision) error {
	if d.obstacle == "" || !isDir(h.o.RuntimeDir) {
		return h.obstacle.remove()
	}
	return h.obstacle.put(d.obstacle)
}

func (h *Host) decide() decision { return decide(h.o.Config.Host, h.probe()) }

// logTrail logs how the mode was decided, if that has changed.
func (h *Host) logTrail(d decision) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Equal(h.trail, d.trail) {
		return
	}
	h.trail = d.trail
	h.o.Log.Info("host mode decided", "mode", d.mode, "because", d.trail)
}

// content is what the runtime directory's resolv.conf should hold now.
func (h *Host) content() []byte {
	return render(h.o.Config.Listen.Addr(), h.source().conf)
}
