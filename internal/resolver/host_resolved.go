package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// claim is a domain that systemd-resolved asks of a link's own servers.
type claim struct{ link, domain string }

// resolvedView is what systemd-resolved knows.
type resolvedView struct {
	there   bool           // our link is
	server  netip.AddrPort // of our link; zero: none
	domains []string       // routed to our link
	claims  []claim        // of the other links, and of nobody's
}

// resolvedControl is systemd-resolved with the link that is ours: Bus, or what
// tests put there.
type resolvedControl interface {
	// steer has the server asked for the domains and for nothing else.
	steer(ctx context.Context, server netip.AddrPort, domains []string) error
	// release undoes steer. It works without systemd-resolved.
	release() error
	// present reports whether our link is there.
	present() bool
	// look tells how things are. Everybody may.
	look(ctx context.Context) (resolvedView, error)
}

// resolvedMode is the host mode "resolved": a link of our own, which carries
// nothing, names the stub as its server and the private domains as its routing
// domains (systemd-resolved.service(8), "Protocols and routing"). Other links
// keep their servers, domains, DNSSEC and DNS-over-TLS; nothing is restarted,
// and neither resolved's restart nor a dead stub sends a private name elsewhere.
// resolved keeps no answers of servers on this device (CacheFromLocalhost= in
// resolved.conf(5)), so that none outlives the path. Nothing of it survives a
// reboot.
type resolvedMode struct {
	control resolvedControl
	stub    netip.AddrPort
	domains []string
}

func (m *resolvedMode) apply(ctx context.Context) error {
	if view, err := m.control.look(ctx); err == nil && m.steers(view) {
		return nil
	}
	return m.control.steer(ctx, m.stub, m.domains)
}

// steers reports whether resolved asks the stub for the private names.
func (m *resolvedMode) steers(v resolvedView) bool {
	return v.there && v.server == m.stub && slices.Equal(slices.Sorted(slices.Values(v.domains)),
		slices.Sorted(slices.Values(m.domains)))
}

// fault says why private names do not all come to the stub, "" if they do, and
// who is to blame for it.
func (m *resolvedMode) fault(ctx context.Context) (fault, culprit string) {
	v, err := m.control.look(ctx)
	switch {
	case err != nil:
		return fmt.Sprintf("systemd-resolved does not tell what it does: %v", err), ""
	case !v.there:
		return "the link " + resolvedLink + ", by which systemd-resolved knows the stub, is not there", "whoever removed it"
	case !m.steers(v):
		return fmt.Sprintf("systemd-resolved does not ask %s for %s", m.stub, domainsText(m.domains)), "whoever changed the link " + resolvedLink
	}
	if c, ok := m.rival(v.claims); ok {
		return fmt.Sprintf("systemd-resolved asks the servers of %s for %s", c.link, c.domain), "the network settings of " + c.link
	}
	return "", ""
}

// rival returns a claim that beats ours or stands beside it: resolved asks
// whoever has the longest domain, and all who have the same.
func (m *resolvedMode) rival(claims []claim) (claim, bool) {
	for _, c := range claims {
		name := flatten(wire(c.domain))
		for _, d := range m.domains {
			if own := flatten(wire(d)); own == "." || strings.HasSuffix(name, own) {
				return c, true
			}
		}
	}
	return claim{}, false
}
