package resolver

import (
	"net/netip"
	"strings"
)

// known is a file of the runtime directory with the servers that the uplink had
// when it last had any. The VPN server's name is asked of them, so nothing that is
// done to resolv.conf may make the agent forget them: it would not come back by
// itself. A boot forgets them, for it may be at another place.
type known struct{ marker }

func (k known) servers() []netip.Addr {
	var addrs []netip.Addr
	for _, field := range strings.Fields(k.get()) {
		if addr, err := netip.ParseAddr(field); err == nil {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// remember is to be called before anything is changed, and after every change of
// somebody else's.
func (h *Host) remember() {
	servers := h.source().servers
	if len(servers) == 0 || !isDir(h.o.RuntimeDir) {
		return
	}
	var names []string
	for _, s := range servers {
		names = append(names, s.Addr().String())
	}
	if err := h.known.put(strings.Join(names, " ")); err != nil {
		h.o.Log.Debug("the uplink's servers are not remembered", "err", err)
	}
}
