package vpn

import (
	"net/netip"
	"strconv"
	"strings"
)

// kind tells the lines of OpenVPN's management interface apart.
type kind int

// Kinds of line. Everything that is not needed is other: answers to commands,
// history, lines of a newer OpenVPN.
const (
	other kind = iota
	hold
	state
	logLine
	byteCount
	remoteQuery
	password
	fatal
	notify
	upDown
)

// message is one line of the management interface, taken apart.
// https://github.com/OpenVPN/openvpn/blob/release/2.6/doc/management-notes.txt
type message struct {
	kind kind
	text string // what follows the prefix; of a log line the message alone

	state   stateLine // of kind state
	in, out uint64    // of kind byteCount: bytes from and to the server
	remote  remote    // of kind remoteQuery
}

// stateLine is what a >STATE line says.
type stateLine struct {
	name   string // CONNECTED, RECONNECTING, ...
	why    string // of RECONNECTING and EXITING: the reason, a stable word or a phrase
	local  netip.Addr
	remote netip.AddrPort
}

// remote is the server that OpenVPN is about to dial.
type remote struct {
	host, port, proto string
}

// parse takes one line apart, without its line end. It accepts anything:
// what it does not understand is of kind other.
func parse(line string) message {
	prefix, rest, _ := strings.Cut(line, ":")
	m := message{text: rest}
	switch prefix {
	case ">HOLD":
		m.kind = hold
	case ">STATE":
		m.kind, m.state = state, parseState(rest)
	case ">LOG":
		m.kind, m.text = logLine, logText(rest)
	case ">BYTECOUNT":
		m.kind = byteCount
		m.in, m.out = parseCount(rest)
	case ">REMOTE":
		m.kind, m.remote = remoteQuery, parseRemote(rest)
	case ">PASSWORD":
		m.kind = password
	case ">FATAL":
		m.kind = fatal
	case ">NOTIFY":
		m.kind = notify
	case ">UPDOWN":
		m.kind = upDown
	default:
		m.text = line
	}
	return m
}

// parseState reads "time,name,why,local,remote,port,...". OpenVPN 2.4 writes
// fewer fields than 2.6; what is missing stays empty.
func parseState(s string) stateLine {
	f := strings.Split(s, ",")
	for len(f) < 6 {
		f = append(f, "")
	}
	local, _ := netip.ParseAddr(f[3])
	return stateLine{name: f[1], why: f[2], local: local, remote: parseAddrPort(f[4], f[5])}
}

// parseAddrPort returns the zero value for what is no address with a port.
func parseAddrPort(host, port string) netip.AddrPort {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n))
}

// logText drops the time and the flags of "time,flags,message".
func logText(s string) string {
	f := strings.SplitN(s, ",", 3)
	if len(f) < 3 {
		return s
	}
	return f[2]
}

// parseCount reads "in,out". What is no number counts as none.
func parseCount(s string) (in, out uint64) {
	a, b, _ := strings.Cut(s, ",")
	in, _ = strconv.ParseUint(a, 10, 64)
	out, _ = strconv.ParseUint(b, 10, 64)
	return in, out
}

// parseRemote reads "host,port,protocol".
func parseRemote(s string) remote {
	f := strings.SplitN(s, ",", 3)
	for len(f) < 3 {
		f = append(f, "")
	}
	return remote{host: f[0], port: f[1], proto: f[2]}
}

// accepts reports whether addr is of the family that the query's protocol is
// bound to: "udp4" and "tcp6-client" are, plain "udp" is not.
func (r remote) accepts(addr netip.Addr) bool {
	switch {
	case strings.Contains(r.proto, "4"):
		return addr.Is4()
	case strings.Contains(r.proto, "6"):
		return addr.Is6()
	}
	return true
}
