package vpn

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"edgeagent/internal/ovpn"
)

// dialling is what a file says about where to connect to.
type dialling struct {
	at          []int    // indexes of the `remote` lines
	args        []string // of the last of them
	port, proto string   // for a `remote` without its own
	choice      bool     // <connection> blocks
	proxy       bool     // that, not this device, resolves the server's name
}

// learn takes in the option in the line of that index.
func (d *dialling) learn(index int, name string, args []string) {
	switch {
	case name == "remote":
		d.at, d.args = append(d.at, index), args
	case name == "http-proxy" || name == "socks-proxy":
		d.proxy = true
	case len(args) == 0:
	case name == "proto":
		d.proto = args[0]
	case name == "port" || name == "rport":
		d.port = args[0]
	}
}

// sole returns the one server that the file names. It is false if there is a
// choice, or if its name means nothing to this device.
func (p *profile) sole() (remote, bool) {
	d := p.dial
	if len(d.at) != 1 || d.choice || d.proxy || len(d.args) == 0 || d.args[0] == "" {
		return remote{}, false
	}
	words := append(slices.Clone(d.args), "", "")
	return remote{host: words[0], port: cmp.Or(words[1], d.port, strconv.Itoa(defaultPort)), proto: cmp.Or(words[2], d.proto, "udp")}, true
}

// pinned returns the file's lines with pin in place of the one server's name, and
// the rest of that line as it is.
func (p *profile) pinned(pin netip.Addr) []string {
	if !pin.IsValid() || len(p.dial.args) == 0 {
		return p.lines
	}
	lines := slices.Clone(p.lines)
	line := "remote " + pin.String()
	for _, word := range p.dial.args[1:] {
		line += " " + ovpn.Quote(word)
	}
	lines[p.dial.at[0]] = line
	return lines
}
