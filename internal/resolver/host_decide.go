package resolver

import (
	"cmp"
	"fmt"

	"edgeagent/internal/config"
)

// fileKind is what stands at a path.
type fileKind string

const (
	kindMissing   fileKind = "missing"
	kindRegular   fileKind = "a regular file"
	kindSymlink   fileKind = "a symbolic link"
	kindDirectory fileKind = "a directory"
	kindOther     fileKind = "no regular file"
)

// Kinds of the program resolvconf.
const (
	resolvconfOpen     = "openresolv"
	resolvconfDebian   = "Debian's resolvconf"
	resolvconfResolved = "systemd-resolved's resolvconf"
)

// facts are what the decision is made from. If resolv.conf is ours already,
// they tell of the one before.
type facts struct {
	ours     bool     // resolv.conf leads to our runtime directory
	kind     fileKind // of resolv.conf
	target   string   // of the symbolic link
	owner    string   // who wrote it, if that can be told
	names53  bool     // it names 127.0.0.53, systemd-resolved's stub
	only53   bool     // and nobody else
	obstacle string   // why it cannot be replaced: immutable, read-only, mounted
	port     uint16   // of the stub

	resolved       bool   // systemd-resolved runs
	rival          string // a link whose domains would have it ask others for private names
	nss            bool   // nsswitch.conf asks systemd-resolved past resolv.conf
	networkManager bool   // NetworkManager runs
	resolvconf     string
}

// decision is how the operating system will be pointed at the stub.
type decision struct {
	mode  string
	file  bool   // resolv.conf is to be replaced
	fault string // why the OS cannot be pointed at the stub
	// obstacle is why resolv.conf, which is to be replaced, cannot be.
	obstacle string
	trail    []string // why this mode, step by step
}

func (d *decision) note(format string, args ...any) {
	d.trail = append(d.trail, fmt.Sprintf(format, args...))
}

// decide chooses the host mode. It is pure: the same facts, the same decision.
func decide(configured string, f facts) decision {
	var d decision
	if f.ours {
		d.note("resolv.conf is ours; judging by what it was")
	}
	if configured == config.HostAuto {
		d.choose(f)
	} else {
		d.note("configured: %s", configured)
		d.mode = configured
	}
	d.decideFile(f)
	if d.file {
		d.obstacle = f.obstacle
	}
	if d.fault = d.unusable(f); d.fault != "" && configured == config.HostAuto {
		d.note("%s is not possible: %s", d.mode, d.fault)
		d.mode = config.HostNone
	}
	return d
}

// choose finds out who manages resolv.conf.
func (d *decision) choose(f facts) {
	leadsToResolved := f.names53 || targetOwner(f.target) == "systemd-resolved"
	byResolvconf := f.owner == "resolvconf" || targetOwner(f.target) == "resolvconf"
	switch {
	case leadsToResolved && f.resolved && f.rival != "" && !f.nss:
		d.note("resolv.conf leads to systemd-resolved, which would ask %s for private names", f.rival)
		d.mode = config.HostFile
	case leadsToResolved && f.resolved:
		d.note("resolv.conf leads to systemd-resolved, which runs")
		d.mode = config.HostResolved
	case f.nss && f.resolved:
		d.note("nsswitch.conf asks systemd-resolved, which runs, past resolv.conf")
		d.mode = config.HostResolved
	case byResolvconf && f.resolvconf == resolvconfOpen:
		d.note("openresolv makes resolv.conf")
		d.mode = config.HostResolvconf
	case byResolvconf && f.resolvconf == resolvconfDebian:
		d.note("Debian's resolvconf makes the file that resolv.conf leads to; it has no exclusive records")
		d.mode = config.HostFile
	default:
		d.chooseFile(f, leadsToResolved)
	}
}

// decideFile decides whether resolv.conf is replaced: beside systemd-resolved
// too, where programs that read it would ask others.
func (d *decision) decideFile(f facts) {
	d.file = d.mode == config.HostFile || d.mode == config.HostResolved && !f.only53
	if d.file && d.mode == config.HostResolved {
		d.note("resolv.conf names others than systemd-resolved's stub, so it is replaced as well")
	}
}

// chooseFile takes the mode that works wherever nobody fights for resolv.conf.
func (d *decision) chooseFile(f facts, leadsToResolved bool) {
	d.mode = config.HostFile
	if leadsToResolved {
		d.note("resolv.conf leads to systemd-resolved, which does not run")
	}
	switch {
	case f.networkManager:
		d.note("NetworkManager runs; it leaves a link that is not its own alone")
	case f.owner != "":
		d.note("resolv.conf was written by %s", f.owner)
	case f.kind == kindSymlink:
		d.note("resolv.conf is %s to %s", f.kind, f.target)
	case f.kind == kindMissing:
		d.note("there is no resolv.conf")
	default:
		d.note("resolv.conf is %s that nobody claims", f.kind)
	}
}

// unusable says why the mode cannot be used, "" if it can.
func (d *decision) unusable(f facts) string {
	switch {
	case d.mode == config.HostNone:
		return ""
	case d.mode == config.HostResolved && !f.resolved:
		return "systemd-resolved does not run"
	case d.mode == config.HostResolvconf && f.resolvconf != resolvconfOpen:
		return fmt.Sprintf("openresolv is not installed (%s)", cmp.Or(f.resolvconf, "no resolvconf"))
	case (d.file || d.mode == config.HostResolvconf) && f.port != dnsPort:
		return fmt.Sprintf("resolv.conf cannot name port %d, only 53", f.port)
	case !d.file:
		return ""
	case f.kind == kindDirectory || f.kind == kindOther:
		return fmt.Sprintf("resolv.conf is %s", f.kind)
	case f.obstacle != "":
		return "resolv.conf " + f.obstacle
	}
	return ""
}
