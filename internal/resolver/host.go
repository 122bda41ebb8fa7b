package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
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

	// Repair puts a trampled resolv.conf back. Default Host.Apply, which needs
	// root; a daemon without it may start its helper instead.
	Repair func(ctx context.Context) error
	Log    *slog.Logger
}

// HostState is how the operating system is pointed at the stub.
type HostState struct {
	Mode     string           // the decided mode
	Pointed  bool             // the C library asks the stub and nobody else
	Culprit  string           // who changed resolv.conf last, if it was changed
	Repairs  int              // times it was put back since Watch began
	GaveUp   bool             // changed too often: put back no more for a while
	Detail   string           // why it is not pointed, or not as configured
	Upstream []netip.AddrPort // the uplink's servers
}

// ErrHostMode means that this version cannot point the OS at the stub in the
// mode that is configured.
var ErrHostMode = errors.New("host mode cannot be used")

// Host points the operating system at the stub, and back. Apply and Restore
// need root, the rest does not. It is safe for concurrent use, by several
// processes as well.
type Host struct {
	o    HostOptions
	file fileMode

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
	} {
		if *d.path == "" {
			*d.path = d.value
		}
	}
	if dir, err := filepath.Abs(o.RuntimeDir); err == nil {
		o.RuntimeDir = dir // it becomes the target of a link
	}
	h := &Host{o: o}
	h.file = fileMode{
		etc: o.EtcResolvConf, saved: o.EtcResolvConf + ".edgeagent-saved", fresh: o.EtcResolvConf + ".edgeagent-new",
		runtime: filepath.Join(o.RuntimeDir, "resolv.conf"), lock: filepath.Join(o.RuntimeDir, "resolv.conf.lock"),
		stub: o.Config.Listen.Addr(), fallback: o.NMResolvConf, swap: renameExchange, step: func(string) {},
	}
	if h.o.Repair == nil {
		h.o.Repair = h.Apply
	}
	return h
}

// Mode returns the decided mode: config.HostFile, config.HostNone, or the one
// that is configured although Apply cannot do it.
func (h *Host) Mode() string { return h.decide().mode }

// Apply points the operating system at the stub, or undoes it if the mode is
// none. What a crash left behind is healed first. It is idempotent, and a system
// that is pointed at the stub stays so throughout. A configured mode that
// cannot be used is an error that wraps ErrHostMode; the mode auto then falls
// back to none.
func (h *Host) Apply(ctx context.Context) error {
	d := h.decide()
	h.logTrail(d)
	if d.mode != config.HostFile || d.fault != "" {
		if err := h.Restore(ctx); err != nil {
			return err
		}
		if d.mode != config.HostNone {
			return fmt.Errorf("pointing the system at the stub: %w: %s", ErrHostMode, d.fault)
		}
		return nil
	}
	if err := h.file.apply(ctx, h.content); err != nil {
		return fmt.Errorf("pointing the system at the stub: %w", err)
	}
	return nil
}

// Restore brings back what /etc/resolv.conf was: type, target, bytes, mode and
// owner. If somebody has changed it since, that is newer and stays. It is
// idempotent.
func (h *Host) Restore(ctx context.Context) error {
	if err := h.file.restore(ctx); err != nil {
		return fmt.Errorf("restoring %s: %w", h.o.EtcResolvConf, err)
	}
	return nil
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
