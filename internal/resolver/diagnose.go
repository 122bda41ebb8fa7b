package resolver

import (
	"net/netip"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// Diagnose says what the answer to a single question means, in the dns stage's
// words: ok only if all addresses lie in the prefixes private. Whom the OS asks
// is left out.
func Diagnose(r Result, c config.Resolver, endpoint string, private []netip.Prefix) status.Update {
	h := health{resolver: c, probe: config.Probe{DownAfter: 1}, endpoint: endpoint, prefixes: private}
	h.take(r)
	u := h.judge(HostState{Pointed: true})
	if u.Hint == "" && u.State != status.OK {
		u.Hint = status.Hint("dns", u.Reason)
	}
	return u
}
