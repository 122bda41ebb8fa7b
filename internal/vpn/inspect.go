package vpn

import (
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"

	"edgeagent/internal/config"
	"edgeagent/internal/ovpn"
)

// Inspection is what can be said of an OpenVPN file without running OpenVPN.
type Inspection struct {
	Faults []string // FILE:LINE: what cannot work under the agent
	Left   []string // options that are left out, because the agent does their work
	Door   Door     // of the server that is tried first
	// Certificate is the client's, nil if it could not be read.
	Certificate *x509.Certificate
}

// Door is where a VPN server takes connections.
type Door struct {
	Host   string // a name or an address
	Port   uint16
	TCP    bool
	Random bool // AWS Client VPN: the name resolves under a random label only
	// Silent: the server answers no packet without a shared key (tls-auth,
	// tls-crypt), so that nothing is learnt by knocking.
	Silent bool
}

// Inspect reads the file of an OpenVPN link as its start would, certificates
// included. The error is a file that cannot be read.
func Inspect(l config.Link) (Inspection, error) {
	p, err := readProfile(l.Config)
	if err != nil {
		return Inspection{}, err
	}
	in := Inspection{Door: p.door()}
	for _, f := range p.faults {
		in.Faults = append(in.Faults, fmt.Sprintf("%s:%d: %s", p.file, f.number, f.text))
	}
	id, fault := p.findIdentity(l)
	if fault != nil {
		in.Faults = append(in.Faults, fault.text)
	}
	in.Certificate = id.leaf
	for _, d := range p.dropped {
		in.Left = append(in.Left, fmt.Sprintf("%s (line %d)", d.text, d.number))
	}
	return in, nil
}

// defaultPort is OpenVPN's (IANA); AWS Client VPN uses 443.
const defaultPort = 1194

// door reads what the lines say of the first server.
func (p *profile) door() Door {
	d := Door{Port: defaultPort, Random: p.randomHost}
	for _, raw := range p.lines {
		words := ovpn.Tokens(raw)
		if len(words) == 0 {
			continue
		}
		switch name, args := strings.TrimPrefix(words[0], "--"), append(words[1:], "", "", ""); name {
		case "remote":
			if d.Host == "" {
				d.Host = args[0]
				d.setPort(args[1])
				d.setProtocol(args[2])
			}
		case "port", "rport":
			d.setPort(args[0])
		case "proto":
			d.setProtocol(args[0])
		case "tls-auth", "tls-crypt", "tls-crypt-v2", "<tls-auth>", "<tls-crypt>", "<tls-crypt-v2>":
			d.Silent = true
		}
	}
	return d
}

func (d *Door) setPort(text string) {
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		d.Port = uint16(n)
	}
}

func (d *Door) setProtocol(text string) {
	if text != "" {
		d.TCP = strings.HasPrefix(text, "tcp")
	}
}
