package vpn

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pushed is what the server told this client at the last connection.
type pushed struct {
	servers  []netip.Addr  // DNS servers, in the order given
	ping     time.Duration // how often the peers ping; 0: not said
	routes   []string      // pushed ranges, for the log only
	redirect bool          // the server wants all traffic
	more     bool          // a further part of the reply follows
}

// pushPrefix begins the line with the reply. OpenVPN has no management event
// for it: log at verb 3 is the only place where it shows.
const pushPrefix = "PUSH: Received control message: '"

// parsePush reads the server's reply from a log line; ok is false if the line
// is another. A long reply comes in parts: before holds what earlier parts said.
func parsePush(line string, before pushed) (p pushed, ok bool) {
	body, found := strings.CutPrefix(line, pushPrefix)
	body, reply := strings.CutPrefix(strings.TrimSuffix(body, "'"), "PUSH_REPLY,")
	if !found || !reply {
		return before, false
	}
	if before.more {
		p = before
		p.more = false
	}
	for option := range strings.SplitSeq(body, ",") {
		p.add(strings.Fields(option))
	}
	return p, true
}

// add takes in one pushed option, split into words.
func (p *pushed) add(option []string) {
	if len(option) == 0 {
		return
	}
	switch value := strings.Join(option[1:], " "); option[0] {
	case "dhcp-option", "dns":
		p.servers = appendNew(p.servers, dnsServers(option)...)
	case "ping":
		p.ping = seconds(value)
	case "route", "route-ipv6":
		p.routes = append(p.routes, value)
	case "redirect-gateway":
		p.redirect = true
	case "push-continuation":
		p.more = value == "2"
	}
}

// dnsServers returns the addresses that one option names, if it names any:
// "dhcp-option DNS a", "dhcp-option DNS6 a", "dns server n address a [a ...]".
func dnsServers(option []string) []netip.Addr {
	switch {
	case len(option) == 3 && option[0] == "dhcp-option" && (option[1] == "DNS" || option[1] == "DNS6"):
		return addresses(option[2:])
	case len(option) > 4 && option[0] == "dns" && option[1] == "server" && option[3] == "address":
		return addresses(option[4:])
	}
	return nil
}

// addresses parses each of list, with or without a port: the agent asks on
// port 53 whatever is pushed, as AWS's resolvers have no other.
func addresses(list []string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			withPort, _ := netip.ParseAddrPort(s)
			addr = withPort.Addr()
		}
		if addr.IsValid() {
			out = append(out, addr)
		}
	}
	return out
}

// environment reads one ">UPDOWN:ENV,name=value" line: the DNS servers that
// the configuration file itself sets come only this way.
func (p *pushed) environment(text string) {
	pair, ok := strings.CutPrefix(text, "ENV,")
	name, value, found := strings.Cut(pair, "=")
	switch {
	case !ok || !found:
	case strings.HasPrefix(name, "foreign_option_"):
		p.servers = appendNew(p.servers, dnsServers(strings.Fields(value))...)
	case strings.HasPrefix(name, "dns_server_") && strings.Contains(name, "_address_"):
		p.servers = appendNew(p.servers, addresses([]string{value})...)
	}
}

// seconds returns 0 for what is no plain number.
func seconds(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// appendNew appends what is not in list yet: the same server may come by the
// push reply and by the environment.
func appendNew(list []netip.Addr, more ...netip.Addr) []netip.Addr {
	for _, a := range more {
		if !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// appendLatest appends like appendNew, what is in list already anew, and drops the
// oldest beyond maxHosts.
func appendLatest(list []netip.Addr, more ...netip.Addr) []netip.Addr {
	list = slices.DeleteFunc(list, func(a netip.Addr) bool { return slices.Contains(more, a) })
	list = appendNew(list, more...)
	return slices.Delete(list, 0, max(0, len(list)-maxHosts))
}
