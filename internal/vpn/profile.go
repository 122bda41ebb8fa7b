package vpn

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"edgeagent/internal/ovpn"
)

// profile is the user's OpenVPN file as the agent understands it.
type profile struct {
	file string // its path
	dir  string // what relative paths in it are relative to

	lines   []string // what OpenVPN gets, line for line
	dropped []line   // left out, and worth telling
	faults  []line   // what cannot work here, with the reason as text

	remotes    []string // host names of `remote`, no addresses
	dial       dialling
	randomHost bool // remote-random-hostname
	servers    []netip.Addr
	verb       int
	ca         credential
	cert, key  credential
	otherKeys  bool // pkcs12, pkcs11-id: what they hold is not looked at
	passphrase bool // askpass FILE
}

// line is a line of the user's file.
type line struct {
	number int
	text   string
}

// credential is a PEM text in the file itself or a file of its own.
type credential struct {
	inline string
	file   string
}

// maxProfile bounds what is read into memory; real files have 4 to 20 KB.
const maxProfile = 1 << 20

// errConfig marks an OpenVPN file that cannot work as it is.
var errConfig = errors.New("the OpenVPN file cannot be used")

// Remotes returns the host names of the `remote` lines of an OpenVPN
// configuration file: the names that must always be asked of the uplink, as
// without them no link ever comes up. Addresses are left out.
func Remotes(configFile string) ([]string, error) {
	p, err := readProfile(configFile)
	if err != nil {
		return nil, err
	}
	return p.remotes, nil
}

// readProfile refuses what cannot be a configuration before reading it: a
// device or a file of gigabytes would hang or kill the agent.
func readProfile(file string) (*profile, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxProfile {
		return nil, fmt.Errorf("%w: %s is no plain file of at most %d bytes", errConfig, file, maxProfile)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	return parseProfile(file, string(data)), nil
}

// parseProfile reads text line by line as OpenVPN does. It never fails: faults
// are collected, and what is not known is left for OpenVPN to judge.
func parseProfile(file, text string) *profile {
	p := &profile{file: file, dir: filepath.Dir(file)}
	// Windows editors put a byte order mark first and \r last; OpenVPN skips both.
	text = strings.TrimPrefix(text, "\ufeff")
	tag, body := "", []string(nil)
	for i, raw := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		raw = strings.TrimSuffix(raw, "\r")
		switch name := ovpn.BlockTag(raw); {
		case tag != "" && strings.HasPrefix(strings.TrimSpace(raw), "</"+tag+">"):
			p.block(tag, strings.Join(body, "\n"))
			tag, body = "", nil
		case tag != "":
			body = append(body, raw)
		case name == "connection", strings.TrimSpace(raw) == "</connection>":
			// its lines are options like any other
			p.dial.choice = true
		case name != "":
			tag = name
		default:
			raw = p.option(i+1, raw)
		}
		p.lines = append(p.lines, raw)
	}
	if tag != "" {
		p.fault(len(p.lines), "<"+tag+"> has no end")
	}
	return p
}

// block notes the contents of an inline block.
func (p *profile) block(tag, body string) {
	switch tag {
	case "ca":
		p.ca = credential{inline: body}
	case "cert":
		p.cert = credential{inline: body}
	case "key":
		p.key = credential{inline: body}
	case "pkcs12":
		p.otherKeys = true
	}
}

// option looks at one line and returns what OpenVPN gets in its place: the
// line itself, or a comment, so that OpenVPN's line numbers stay the user's.
func (p *profile) option(number int, raw string) string {
	words := ovpn.Tokens(raw)
	if len(words) > 0 {
		words[0] = strings.TrimPrefix(words[0], "--")
	}
	// "setenv opt NAME" is NAME to OpenVPN, and an excuse if it does not know it.
	if len(words) > 2 && words[0] == "setenv" && words[1] == "opt" {
		words = words[2:]
	}
	if len(words) == 0 {
		return raw
	}
	p.learn(number, words[0], words[1:])
	keep, quiet := keeps(words[0])
	if keep {
		return raw
	}
	if !quiet {
		p.dropped = append(p.dropped, line{number, words[0]})
	}
	return "# left out: " + words[0]
}

// learn takes from an option what the agent itself needs to know.
func (p *profile) learn(number int, name string, args []string) {
	first := ""
	if len(args) > 0 {
		first = args[0]
	}
	p.dial.learn(number-1, name, args)
	switch name {
	case "remote":
		p.remote(first)
	case "remote-random-hostname":
		p.randomHost = true
	case "dhcp-option", "dns":
		p.servers = appendNew(p.servers, dnsServers(append([]string{name}, args...))...)
	case "verb":
		p.verb, _ = strconv.Atoi(first)
	case "cd":
		p.dir = p.resolve(first)
	case "ca":
		p.ca.set(p.resolve(first))
	case "cert":
		p.cert.set(p.resolve(first))
	case "key":
		p.key.set(p.resolve(first))
	case "pkcs12", "pkcs11-id", "management-external-key", "management-external-cert":
		p.otherKeys = true
	case "askpass":
		p.passphrase = first != ""
	}
	if why := unsuitable(name, first); why != "" {
		p.fault(number, why)
	}
}

// unsuitable says why an option cannot work under the agent, if so.
func unsuitable(name, first string) string {
	switch {
	case name == "config":
		return "it reads another file (config); put everything into one"
	case (name == "dev" || name == "dev-type") && strings.HasPrefix(first, "tap"):
		return "dev tap is not supported, only dev tun"
	case name == "tls-verify":
		return "tls-verify runs a script, and no scripts are run; remove the line if the check is not needed"
	case (name == "auth-user-pass" || name == "askpass") && first == "":
		return name + " without a file asks for a password, and nobody is there to type it"
	}
	return ""
}

// fault notes what cannot work.
func (p *profile) fault(number int, why string) {
	p.faults = append(p.faults, line{number, why})
}

// err returns the faults as one error.
func (p *profile) err() error {
	if len(p.faults) == 0 {
		return nil
	}
	f := p.faults[0]
	return fmt.Errorf("%w: %s:%d: %s", errConfig, p.file, f.number, f.text)
}

// remote notes a name that the uplink must resolve. Case and a final dot make
// no other name.
func (p *profile) remote(host string) {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return
	}
	if host = strings.TrimSuffix(strings.ToLower(host), "."); !slices.Contains(p.remotes, host) {
		p.remotes = append(p.remotes, host)
	}
}

// set notes a file; the last of several counts, as for OpenVPN.
func (c *credential) set(file string) {
	// "cert [inline]" is the old way to announce a block that follows.
	if filepath.Base(file) != "[inline]" {
		*c = credential{file: file}
	}
}

// resolve makes a name absolute. OpenVPN runs in the same directory.
func (p *profile) resolve(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.dir, name)
}
