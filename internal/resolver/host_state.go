package resolver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"edgeagent/internal/config"
)

// inspect finds out how the operating system is pointed at the stub.
func (h *Host) inspect(d decision) HostState {
	state := HostState{Mode: d.mode, Detail: d.fault, Upstream: h.Upstream(), Pointed: h.pointed(d)}
	if state.Pointed || d.mode == config.HostNone || d.fault != "" {
		return state
	}
	state.Detail = h.fault(d)
	if !h.trampled(d) {
		state.Detail += "; as root, `edgeagent resolver apply` points it at the stub"
	}
	return state
}

// pointed reports whether the C library asks the stub for private names, and
// nobody else.
func (h *Host) pointed(d decision) bool { return h.fault(d) == "" }

// fault says why the C library does not ask the stub, or others too; "" if all is
// well.
func (h *Host) fault(d decision) string {
	if d.mode == config.HostResolved {
		if fault, _ := h.resolved.fault(context.Background()); fault != "" {
			return fault
		}
	}
	conf, err := readConf(h.o.EtcResolvConf)
	if err == nil && (h.points(conf) || d.mode == config.HostResolved && !d.file && conf.onlyAsks(resolvedStub)) {
		return ""
	}
	return h.insteadOf(conf, err)
}

// points reports whether programs with this resolv.conf ask the stub alone.
func (h *Host) points(c hostConf) bool {
	return h.o.Config.Listen.Port() == dnsPort && c.onlyAsks(h.o.Config.Listen.Addr())
}

// trampled reports whether the system was pointed at the stub and has been
// changed by somebody else. Otherwise it was given back on purpose.
func (h *Host) trampled(d decision) bool {
	if d.mode == config.HostNone || d.fault != "" {
		return false
	}
	switch was := h.marker.get(); {
	case was != "" && was != d.mode:
		return true
	case d.mode == config.HostFile:
		return h.file.hasSaved() && (!h.file.applied() || h.file.touchedThrough())
	default:
		return was != "" && !h.pointed(d)
	}
}

// insteadOf says in plain words what resolv.conf says instead.
func (h *Host) insteadOf(c hostConf, err error) string {
	path := h.o.EtcResolvConf
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if target, linkErr := os.Readlink(path); linkErr == nil {
			return fmt.Sprintf("%s leads to %s, which is not there", path, target)
		}
		return path + " is not there"
	case err != nil:
		return err.Error()
	case len(c.servers) == 0:
		return path + " names no server"
	}
	var names []string
	for _, a := range c.servers {
		names = append(names, a.String())
	}
	return fmt.Sprintf("%s names %s, not only %s", path, strings.Join(names, ", "), h.o.Config.Listen.Addr())
}

// findCulprit names who has changed the system's DNS, as far as what he left
// tells.
func (h *Host) findCulprit(d decision) string {
	if d.mode == config.HostResolved {
		if _, culprit := h.resolved.fault(context.Background()); culprit != "" {
			return culprit
		}
	}
	path := h.o.EtcResolvConf
	if target, err := os.Readlink(path); err == nil && !h.file.applied() {
		if owner := targetOwner(target); owner != "" {
			return owner
		}
		return "whoever links it to " + target
	}
	conf, err := readConf(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "whoever deleted it"
	case conf.owner != "":
		return conf.owner
	}
	return "a program that leaves no name"
}
