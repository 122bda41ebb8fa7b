package config

import (
	"fmt"
	"os"
)

// files checks that the files which the configuration names can be read by this
// process, and that the proxy can be run. It looks at nothing inside them.
func (r *reader) files(c Config) {
	for i, l := range c.Links {
		at := fmt.Sprintf("links[%d].", i)
		r.readable(at+"config", l.Config)
		r.readable(at+"cert", l.Cert)
		r.readable(at+"key", l.Key)
	}
	r.readable("mqtt.ca", c.MQTT.CA)
	r.readable("mqtt.cert", c.MQTT.Cert)
	r.readable("mqtt.key", c.MQTT.Key)
	if c.Tunnel.Enabled {
		r.readable("tunnel.ca", c.Tunnel.CA)
		r.program("tunnel.proxy", c.Tunnel.Proxy)
	}
}

// readable notes a file that this process cannot read. A private key that others
// may read as well is not refused here: it works, and checking it is not parsing.
func (r *reader) readable(path, file string) {
	if file == "" || r.faulty(path) {
		return
	}
	if err := readable(file); err != nil {
		r.unusable(path, file, reason(err), "put the file there, or correct the path")
	}
}

// program notes a proxy that could not be run when a tunnel is asked for.
func (r *reader) program(path, file string) {
	if file == ProxyBuiltin || r.faulty(path) {
		return
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		r.unusable(path, file, reason(err), "install the program, or write builtin")
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		r.unusable(path, file, "is not a program", "write the path of an executable file, or builtin")
	}
}

// unusable is refuse for a file, and names it also where its path is a default.
func (r *reader) unusable(path, file, why, todo string) {
	if !r.given(path) {
		r.fault(path, fmt.Sprintf("%s (the default) %s", file, why), todo)
		return
	}
	r.fault(path, file+" "+why, todo)
}

// faulty reports whether the value at path has a fault already.
func (r *reader) faulty(path string) bool {
	for _, f := range r.faults {
		if f.Key == path {
			return true
		}
	}
	return false
}
