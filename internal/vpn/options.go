package vpn

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/ovpn"
)

// keeps reports whether an option of the user's file goes to OpenVPN. Those
// that do not fight the agent over DNS, routes, the process or its pace; quiet
// tells the ones nobody would miss, as the agent does the same in their place.
func keeps(option string) (keep, quiet bool) {
	switch option {
	case "up", "down", "down-pre", "up-delay", "up-restart", "route-up", "route-pre-down", "ipchange",
		"plugin", "iproute", "dns-updown", // programs of others
		"auth-user-pass-verify", "client-connect", "client-disconnect", "learn-address",
		"daemon", "inetd", "chroot", "setcon", "user", "group", "writepid", // whose child it is
		"log", "log-append", "syslog", "status",
		"inactive", "ping-exit", "tls-exit", "session-timeout", "connect-retry-max": // when it gives up
		return false, false
	case "script-security", "verb", "mute", "suppress-timestamps", "machine-readable-output", "errors-to-stderr",
		"remote-random-hostname", "remap-usr1", "route-delay", "redirect-gateway", "redirect-private", "block-ipv6",
		"connect-retry", "connect-timeout", "server-poll-timeout", "auth-retry":
		return false, true
	}
	return !strings.HasPrefix(option, "management"), false
}

// newerOptions are not known to every OpenVPN from 2.4 to 2.7, or are of
// Windows only: without this guard one of them would stop the program.
const newerOptions = "disable-dco dns-updown data-ciphers data-ciphers-fallback allow-compression " +
	"block-outside-dns register-dns"

// ownOptions follow the user's lines; the last of a kind wins. asks is for a
// process that is told by the management socket where to connect to.
func ownOptions(l config.Link, verb int, asks bool) []string {
	own := []string{
		// The agent owns DNS and routes; a route pushed or in the file is only logged.
		"script-security 1",
		"dns-updown disable", // OpenVPN 2.7 would run a script of its own
		"route-noexec",
		// Filters match prefixes: "route" would take route-gateway with it.
		`pull-filter ignore "redirect-gateway"`,
		`pull-filter ignore "redirect-private"`,
		`pull-filter ignore "block-ipv6"`,
		`pull-filter ignore "block-outside-dns"`,
		// The device stays during a reconnect: what is meant for the VPC then
		// waits in it, instead of leaving by the uplink for want of a route.
		"persist-tun",
		// Kernel offload keeps its own byte counters and its own idea of peers.
		"disable-dco",
		"auth-retry nointeract",
		"connect-retry 2 30",
		fmt.Sprintf("server-poll-timeout %d", answerLimit/time.Second),
		"management-hold",
		"management-query-passwords",
		"management-up-down",
		"mute 0",
		// The pushed options appear in the log from 3 on; above 4 it shows every packet.
		fmt.Sprintf("verb %d", min(max(verb, 3), 4)),
	}
	if asks {
		own = append(own, "management-query-remote")
	}
	if l.Cert != "" {
		own = append(own, "cert "+ovpn.Quote(l.Cert))
	}
	if l.Key != "" {
		own = append(own, "key "+ovpn.Quote(l.Key))
	}
	return own
}

// render is the file that OpenVPN reads. A valid pin stands in place of the name
// of the one server in it; OpenVPN then asks for none.
func (p *profile) render(l config.Link, pin netip.Addr) []byte {
	var b strings.Builder
	for _, s := range p.pinned(pin) {
		b.WriteString(s)
		b.WriteByte('\n')
	}
	b.WriteString("# from here on: edgeagent\n")
	for _, s := range ownOptions(l, p.verb, !pin.IsValid()) {
		b.WriteString(s)
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// arguments is OpenVPN's command line. The guard stands before the file, which
// may need it; the socket's path tells a left-over process of ours.
func arguments(configFile, socket string) []string {
	guard := append([]string{"--ignore-unknown-option"}, strings.Fields(newerOptions)...)
	return append(guard, "--config", configFile, "--management", socket, "unix")
}
