package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// maxDeviceBytes is the kernel's IFNAMSIZ without its zero byte.
const maxDeviceBytes = 15

// minPrefixBits keeps a slip of the pen from routing half the internet: no VPC
// is wider than /16, and the widest private range is 10.0.0.0/8.
const minPrefixBits = 8

var (
	linkName = nameRule{also: "_-", longest: 32}
	unitName = nameRule{also: `:_.\@-`, longest: 240} // before its suffix
)

// isService reports whether name is a systemd unit that can be restarted.
func isService(name string) bool {
	unit, found := strings.CutSuffix(name, ".service")
	return found && unitName.accepts(unit)
}

// links checks each link, and that no two of them need the same thing.
func (r *reader) links(links []Link) {
	if len(links) == 0 {
		r.unfilled("links", "missing", "add one: see the shipped minimal.yaml and canal.yaml")
	}
	names, files, devices := map[string]string{}, map[string]string{}, map[string]string{}
	for i, l := range links {
		at := fmt.Sprintf("links[%d]", i)
		r.link(at, l)
		r.once(names, at+".name", l.Name)
		r.once(files, at+".config", l.Config)
		for j, device := range l.Interface {
			r.once(devices, r.item(at+".interface", j), device)
		}
	}
}

// item is the path of item i of the list at path, which may be written as its
// only item.
func (r *reader) item(path string, i int) string {
	if item := fmt.Sprintf("%s[%d]", path, i); r.given(item) && len(r.places[path].value.Content) > 0 {
		return item
	}
	return path
}

// once refuses a value that another link has.
func (r *reader) once(seen map[string]string, path, value string) {
	if value == "" {
		return
	}
	if first, ok := seen[value]; ok {
		r.refuse(path, fmt.Sprintf("already on line %d", r.line(first)), "two links cannot share it")
		return
	}
	seen[value] = path
}

// link checks one link by its type. Without a known type no key can be judged.
func (r *reader) link(at string, l Link) {
	if r.required(at+".name", l.Name, "add a name: it appears in status and in commands") && !linkName.accepts(l.Name) {
		r.refuse(at+".name", "not a plain name", "use a short word")
	}
	r.prefixes(at+".routes", l.Routes)
	if !r.required(at+".type", l.Type, "add the kind of link") {
		return
	}
	r.oneOf(at+".type", l.Type, LinkOpenVPN, LinkInterface)
	switch l.Type {
	case LinkOpenVPN:
		r.foreignKeys(at, l.Type)
		r.openvpn(at, l)
	case LinkInterface:
		r.foreignKeys(at, l.Type)
		r.dialled(at, l)
	}
}

// foreignKeys refuses the keys that belong to the other type of link.
func (r *reader) foreignKeys(at, kind string) {
	var own []string
	for _, f := range fields(reflect.TypeFor[Link]()) {
		if f.only == "" || f.only == kind {
			own = append(own, f.name)
		}
	}
	for _, f := range fields(reflect.TypeFor[Link]()) {
		if path := at + "." + f.name; r.given(path) && !slices.Contains(own, f.name) {
			r.add(path, r.line(path), fmt.Sprintf("a key of type %s on a link of type %s", f.only, kind),
				"the keys "+strings.Join(own, ", "), "delete the line or change the type")
		}
	}
}

// openvpn checks a link whose OpenVPN the agent runs itself.
func (r *reader) openvpn(at string, l Link) {
	if r.required(at+".config", l.Config, "add the path of the file downloaded from AWS Client VPN") {
		r.path(at+".config", l.Config, true)
	}
	r.path(at+".cert", l.Cert, false)
	r.path(at+".key", l.Key, false)
	switch {
	case l.Cert != "" && l.Key == "":
		r.refuse(at+".cert", "without a key", "add key: with the private key of this certificate")
	case l.Key != "" && l.Cert == "":
		r.refuse(at+".key", "without a cert", "add cert: with the certificate of this key")
	}
}

// dialled checks a link that another program dials.
func (r *reader) dialled(at string, l Link) {
	if len(l.Interface) == 0 {
		r.unfilled(at+".interface", "missing", "add the device that the other program brings up")
	}
	for i, name := range l.Interface {
		switch path := r.item(at+".interface", i); {
		case name == "lo":
			r.refuse(path, "which leads nowhere", "write the device that the other program brings up")
		case !isDevice(name):
			r.refuse(path, "not a device name", "write it as \"ip link\" shows it")
		}
	}
	if l.Unit != "" && !isService(l.Unit) {
		r.refuse(at+".unit", "not a service", "write the full name, with .service at the end")
	}
	if l.Unit != "" && l.Connection != "" {
		r.refuse(at+".unit", "although connection is set too", "keep the one that dials this link")
	}
}

// isDevice follows the kernel's dev_valid_name.
func isDevice(name string) bool {
	return name != "" && name != "." && name != ".." &&
		len(name) <= maxDeviceBytes && !strings.ContainsAny(name, "/: \t")
}

// prefixes checks ranges that are routed through a link or count as private: one
// too wide would swallow the device's own network, or let a public address pass.
func (r *reader) prefixes(path string, list []netip.Prefix) {
	for i, p := range list {
		path := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case !p.Addr().Is4():
			r.refuse(path, "an IPv6 range", "write the IPv4 range: AWS IoT's VPC endpoints have no IPv6")
		case p.Bits() < minPrefixBits:
			r.refuse(path, "too wide", "write the range of the VPC itself")
		case p != p.Masked():
			r.refuse(path, fmt.Sprintf("not the beginning of a /%d", p.Bits()), "write "+p.Masked().String())
		case isLocal(p.Addr()):
			r.refuse(path, "never in a VPC", "write the range of the VPC itself")
		}
	}
}

// isLocal reports whether an address can only mean this device, this wire or a
// group.
func isLocal(a netip.Addr) bool {
	return a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified()
}

// path checks the form of a file's path. That it exists is for files.
func (r *reader) path(path, file string, required bool) {
	switch {
	case file == "" && required:
		r.fault(path, "empty", "write the path of the file")
	case strings.Contains(file, pemMark):
		r.refuse(path, "not a path", savePEM)
	case file != "" && !filepath.IsAbs(file):
		r.refuse(path, "not an absolute path", "write it with / at the beginning")
	}
}
