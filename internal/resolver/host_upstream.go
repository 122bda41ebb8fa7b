package resolver

import "net/netip"

// source is a resolv.conf that the uplink's servers were found in.
type source struct {
	path    string
	conf    hostConf
	servers []netip.AddrPort // without ourselves and without systemd-resolved's stub
}

// Upstream returns the uplink's DNS servers as the operating system knows them,
// unless the configuration names them; where it knows none, those that it knew
// last. The stub is never among them.
func (h *Host) Upstream() []netip.AddrPort {
	if len(h.o.Config.Upstream) > 0 {
		return h.guarded(h.o.Config.Upstream)
	}
	if servers := h.source().servers; len(servers) > 0 {
		return servers
	}
	return h.guarded(h.known.servers())
}

// Search returns the search list of the system as it would be without us.
func (h *Host) Search() []string { return h.source().conf.search }

// source returns the first candidate that names a server, or else the first.
func (h *Host) source() source {
	if h.resolvconf.record() != "" {
		// openresolv's resolv.conf is of our record alone.
		conf := h.resolvconf.others()
		return source{path: h.o.ResolvconfDir, conf: conf, servers: h.guarded(conf.servers)}
	}
	candidates := h.candidates()
	for _, path := range candidates {
		if s := h.read(path); len(s.servers) > 0 {
			return s
		}
	}
	return h.read(candidates[0])
}

// candidates are the places where the uplink's servers may stand, the best
// first: what resolv.conf was or has become by somebody else's hand, then what
// the daemons keep. A file that NetworkManager once wrote is stale, for the
// fresh one it writes elsewhere now.
func (h *Host) candidates() []string {
	original := h.file.original()
	if conf, err := readConf(original); err == nil && conf.owner == "NetworkManager" {
		return []string{h.o.NMResolvConf, original, h.file.saved, h.o.ResolvedConf}
	}
	return []string{original, h.file.saved, h.o.NMResolvConf, h.o.ResolvedConf}
}

// read reads one candidate. Where systemd-resolved's stub stands, its own
// servers are meant: with it as a server, names would come back to us if it has
// taken us for one.
func (h *Host) read(path string) source {
	conf, _ := readConf(path)
	var addrs []netip.Addr
	for _, a := range conf.servers {
		if a == resolvedStub || a == resolvedProxy {
			behind, _ := readConf(h.o.ResolvedConf)
			addrs = append(addrs, behind.servers...)
			continue
		}
		addrs = append(addrs, a)
	}
	return source{path: path, conf: conf, servers: h.guarded(addrs)}
}

// guarded turns addresses into servers, without ourselves.
func (h *Host) guarded(addrs []netip.Addr) []netip.AddrPort {
	var servers []netip.AddrPort
	for _, a := range addrs {
		servers = append(servers, netip.AddrPortFrom(a, dnsPort))
	}
	return others(servers, netip.AddrPortFrom(h.o.Config.Listen.Addr(), dnsPort))
}
