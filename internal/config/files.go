package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fileCheck looks at the files that a configuration names, as the user that has
// to read them.
type fileCheck struct {
	*reader
	as   User
	seen []string
}

func newFileCheck(r *reader, as User) *fileCheck { return &fileCheck{reader: r, as: as} }

// maxCredential bounds what is read of a file; certificates have a few KB.
const maxCredential = 1 << 20

// spot is what a file is for and who names it: a key of the configuration, or a
// line of an .ovpn file.
type spot struct {
	key    string // of the configuration
	file   string // the .ovpn file that names it, "" if it is the configuration
	line   int    // in that
	option string // of OpenVPN
	as     role
	secret bool
}

// all looks at every file that the configuration names.
func (f *fileCheck) all(c Config) {
	for i, l := range c.Links {
		f.link(fmt.Sprintf("links[%d].", i), l)
	}
	// A pair is compared only if both halves are readable, or one mistake would
	// be told twice.
	cert, okCert := f.look(spot{key: "mqtt.cert", as: roleCert}, c.MQTT.Cert)
	key, okKey := f.look(spot{key: "mqtt.key", as: roleKey, secret: true}, c.MQTT.Key)
	f.look(spot{key: "mqtt.ca", as: roleCA}, c.MQTT.CA)
	if okCert && okKey {
		f.pair(spot{key: "mqtt.key"}, c.MQTT.Key, cert, key)
	}
	if c.Tunnel.Enabled {
		f.look(spot{key: "tunnel.ca", as: roleCA}, c.Tunnel.CA)
		f.program("tunnel.proxy", c.Tunnel.Proxy)
	}
	if c.StatusPage.IsValid() {
		f.look(spot{key: keyPassword, as: rolePassword, secret: true}, c.StatusPagePasswordFile)
	}
}

// config looks at the configuration file itself, which was read already.
func (f *fileCheck) config(file string) {
	f.seen = append(f.seen, file)
	f.guard(spot{}, file)
}

// look reads one file and judges it. It is false if there is none to go on with.
func (f *fileCheck) look(at spot, file string) ([]byte, bool) {
	if file == "" || at.key != "" && f.faulty(at.key) {
		return nil, false
	}
	f.seen = append(f.seen, file)
	// Before it is opened: what root can read there the service cannot see.
	if hidden(file, f.as) {
		f.report(at, HiddenFile, file+" is where the service cannot see it: "+strings.Join(hiddenDirs, ", "),
			"move the file to "+packagedDir+" and write its new path", f.as.install(file, filepath.Join(packagedDir, filepath.Base(file))))
		return nil, false
	}
	data, err := f.as.read(file, maxCredential+1)
	if err != nil {
		f.unreadable(at, file, err)
		return nil, false
	}
	if at.as != roleProfile { // whether that holds a secret is not known yet
		f.guard(at, file)
	}
	if len(data) > maxCredential {
		f.report(at, WrongContent, file+" is larger than 1 MiB", "put the right file there")
		return nil, false
	}
	if w := judge(data, at.as); w != nil {
		f.report(at, w.kind, file+" "+w.found, w.todo, f.mending(at, w, file)...)
		return nil, false
	}
	return data, true
}

// mending are the commands that mend the content of a file.
func (f *fileCheck) mending(at spot, w *flaw, file string) []string {
	if at.as == rolePassword {
		return []string{f.as.makePassword(file)}
	}
	return w.commands(file)
}

// commands are what mends the file, if that is known.
func (w *flaw) commands(file string) []string {
	if w.command == nil {
		return nil
	}
	return []string{w.command(file)}
}

// unreadable says why a file could not be read.
func (f *fileCheck) unreadable(at spot, file string, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.missing(at, file)
	case errors.Is(err, fs.ErrPermission):
		w := f.as.refusal(file)
		f.report(at, Unreadable, file+" "+w.found, w.todo, w.commands...)
	case errors.Is(err, errNotAFile):
		f.report(at, NotAFile, file+" is not a regular file", "put the file there, or correct the path")
	default:
		f.report(at, Unreadable, file+" "+reason(err), "put the file there, or correct the path")
	}
}

// missing says how to put a file in its place.
func (f *fileCheck) missing(at spot, file string) {
	command := f.as.install(sourceOf(at, file), file)
	if at.as == rolePassword {
		command = f.as.makePassword(file)
	}
	f.report(at, MissingFile, file+" does not exist", "put the file there, or correct the path", command)
	last := &f.faults[len(f.faults)-1]
	last.brief, _, _ = strings.Cut(last.brief, ";") // the command says the rest
}

// packagedRoot is Amazon's root certificate as Debian's ca-certificates has it.
const packagedRoot = "/usr/share/ca-certificates/mozilla/Amazon_Root_CA_1.crt"

// sourceOf is where a missing file may come from.
func sourceOf(at spot, file string) string {
	if at.key == "mqtt.ca" && strings.HasSuffix(file, "/AmazonRootCA1.pem") {
		if _, err := os.Stat(packagedRoot); err == nil {
			return packagedRoot
		}
	}
	return placeholder
}

// guard warns of a file that more users can read or change than should.
func (f *fileCheck) guard(at spot, file string) {
	info, err := os.Stat(file)
	if err != nil {
		return
	}
	s := stepOf(file, info)
	switch {
	case at.secret && s.mode&(mayRead|mayChange) != 0:
		f.warnAt(at, Exposed, fmt.Sprintf("%s (%s) holds a secret, and every user of this device can get at it", file, s),
			"sudo chmod o-rwx "+shellWord(file))
	case !at.secret && s.mode&mayChange != 0:
		f.warnAt(at, Changeable, fmt.Sprintf("%s (%s) can be changed by every user of this device", file, s),
			"sudo chmod o-w "+shellWord(file))
	}
}

// pair notes a key that does not belong to its certificate.
func (f *fileCheck) pair(at spot, file string, cert, key []byte) {
	if !ofOnePair(cert, key) {
		f.report(at, KeyMismatch, file+" does not belong to the certificate", "put the two that were issued together there")
	}
}

// program notes a proxy that could not be run when a tunnel is asked for.
func (f *fileCheck) program(path, file string) {
	if file == ProxyBuiltin || f.faulty(path) {
		return
	}
	f.seen = append(f.seen, file)
	info, err := os.Stat(file)
	switch {
	case err != nil:
		f.report(spot{key: path}, MissingFile, file+" "+whyNot(err), "install the program, or write builtin")
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		f.report(spot{key: path}, WrongContent, file+" is not a program", "write the path of an executable file, or builtin")
	}
}

func whyNot(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "does not exist"
	}
	return reason(err)
}

// report notes a fault of the file that at names.
func (f *fileCheck) report(at spot, kind Kind, found, todo string, commands ...string) {
	fault := f.newFault(at, kind, found, f.takes(at), todo)
	fault.Commands = commands
	f.faults = append(f.faults, fault)
}

// warnAt notes what works, and should not be so.
func (f *fileCheck) warnAt(at spot, kind Kind, found, command string) {
	fault := f.newFault(at, kind, found, "", "close it to them")
	fault.Commands = []string{command}
	f.warnings = append(f.warnings, fault)
}

func (f *fileCheck) newFault(at spot, kind Kind, found, takes, todo string) Fault {
	switch {
	case at.file != "":
		return newFault(kind, at.file, at.line, "", at.option+": "+found, takes, todo)
	case at.key != "" && !f.given(at.key):
		found = "the default " + found
	case at.key == "":
		return newFault(kind, f.file, 0, "", strings.TrimPrefix(found, f.file+" "), takes, todo)
	}
	return newFault(kind, f.file, f.line(at.key), at.key, found, takes, todo)
}

// takes says what belongs where at is.
func (f *fileCheck) takes(at spot) string {
	if at.file == "" {
		return accepts(at.key)
	}
	if at.as == roleAny {
		return "a file that the agent can read"
	}
	return "a PEM file with the " + string(at.as)
}

// faulty reports whether the value at path has a fault already.
func (r *reader) faulty(path string) bool {
	return slices.ContainsFunc(r.faults, func(f Fault) bool { return f.Key == path }) ||
		slices.ContainsFunc(r.broken, func(b string) bool { return within(path, b) })
}

// hiddenDirs are what the packaged unit's sandbox shows the service empty
// (ProtectHome=, PrivateTmp= in systemd.exec(5)).
var hiddenDirs = []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"}

// hidden reports whether a file lies where u does not see it.
func hidden(file string, u User) bool {
	return u.Sandboxed && slices.ContainsFunc(hiddenDirs, func(dir string) bool { return strings.HasPrefix(file, dir) })
}
