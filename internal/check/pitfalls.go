package check

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"edgeagent/internal/config"
	"edgeagent/internal/ovpn"
)

// directive is one line of an .ovpn file, outside of inline blocks.
type directive struct {
	place string // FILE:LINE
	name  string
	args  []string
}

// arg returns the n-th argument, "" if there are fewer.
func (d directive) arg(n int) string {
	if n < len(d.args) {
		return d.args[n]
	}
	return ""
}

// pitfalls are lines with which OpenVPN starts, and which then keep the link from
// working, or leave it open to others.
func pitfalls(file string, c config.Config) []words {
	data, err := os.ReadFile(file) // vpn.Inspect has seen that it is small
	if err != nil {
		return nil
	}
	all := directives(file, string(data))
	var found []words
	for _, d := range all {
		if w := d.pitfall(c.Endpoint.PrivateCIDRs); w != nil {
			found = append(found, w)
		}
	}
	found = append(found, filtered(all)...)
	if w := unrandomised(all); w != nil {
		found = append(found, w)
	}
	if !slices.ContainsFunc(all, verifiesServer) {
		found = append(found, say("profile.anybody", file))
	}
	return found
}

func directives(file, text string) []directive {
	var all []directive
	inside := "" // of a block with a certificate or a key
	for i, raw := range strings.Split(text, "\n") {
		raw = strings.TrimSpace(strings.TrimPrefix(raw, "\ufeff"))
		tag := ovpn.BlockTag(raw)
		switch {
		case inside != "":
			if strings.HasPrefix(raw, "</"+inside+">") {
				inside = ""
			}
		case tag != "" && tag != "connection":
			inside = tag
		default:
			if t := ovpn.Tokens(raw); len(t) > 0 && tag == "" {
				all = append(all, directive{fmt.Sprintf("%s:%d", file, i+1), strings.TrimPrefix(t[0], "--"), t[1:]})
			}
		}
	}
	return all
}

// pitfall judges a line by itself.
func (d directive) pitfall(private []netip.Prefix) words {
	switch d.name {
	case "comp-lzo", "compress":
		// AWS Client VPN knows no compression; with it on one side alone packets
		// cannot be read on the other. "no", "stub" and "migrate" compress nothing,
		// but only migrate leaves the packets as they are.
		if d.arg(0) != "migrate" {
			return say("profile.compress", d.place, d.name)
		}
	case "fragment":
		return say("profile.fragment", d.place)
	case "dhcp-option":
		a, err := netip.ParseAddr(d.arg(1))
		if d.arg(0) == "DNS" && err == nil && len(outside(private, []netip.Addr{a})) > 0 {
			return say("profile.dns", d.place, a)
		}
	}
	return nil
}

// pushed are options of the server that the link cannot do without.
var pushed = []string{"route-gateway", "ifconfig", "topology", "dhcp-option DNS"}

// filtered names the pull-filter lines that take away what is needed. They match
// prefixes, and the first that matches decides: "route" takes route-gateway with it.
func filtered(all []directive) []words {
	var found []words
	for _, option := range pushed {
		at := slices.IndexFunc(all, func(d directive) bool {
			return d.name == "pull-filter" && d.arg(1) != "" && strings.HasPrefix(option, d.arg(1))
		})
		if at >= 0 && all[at].arg(0) != "accept" {
			found = append(found, say("profile.filter", all[at].place, all[at].arg(1), option))
		}
	}
	return found
}

// unrandomised names a Client VPN server whose name has no address of its own:
// only names below it have one.
// https://docs.aws.amazon.com/vpn/latest/clientvpn-admin/troubleshooting.html
func unrandomised(all []directive) words {
	for _, d := range all {
		if d.name == "remote-random-hostname" {
			return nil
		}
	}
	for _, d := range all {
		if d.name == "remote" && strings.HasPrefix(d.arg(0), "cvpn-endpoint-") && strings.HasSuffix(d.arg(0), ".amazonaws.com") {
			return say("profile.random", d.place)
		}
	}
	return nil
}

// verifiesServer reports whether a line asks for more than a certificate of the
// right CA, which every client has as well.
func verifiesServer(d directive) bool {
	return slices.Contains([]string{"remote-cert-tls", "remote-cert-eku", "remote-cert-ku", "ns-cert-type", "verify-x509-name", "tls-remote", "verify-hash", "peer-fingerprint"}, d.name)
}
