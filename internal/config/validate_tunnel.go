package config

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Limits of tunnels. Each is a process of a few MB; AWS ends one after 12 h.
// https://docs.aws.amazon.com/iot/latest/developerguide/secure-tunneling.html
const (
	maxConcurrent = 20
	minLifetime   = time.Minute
	maxLifetime   = 12 * time.Hour
)

// serviceName is AWS's rule for the services of a tunnel.
var serviceName = nameRule{also: ":_-", longest: 128}

// tunnel checks what may be opened from afar, and how much of it.
func (r *reader) tunnel(t Tunnel) {
	r.services(t)
	if t.Proxy != ProxyBuiltin {
		r.path("tunnel.proxy", t.Proxy, true)
	}
	between(r, "tunnel.max_concurrent", t.MaxConcurrent, 1, maxConcurrent)
	between(r, "tunnel.max_lifetime", t.MaxLifetime, minLifetime, maxLifetime)
	if t.Endpoint != "" && !hostPort(t.Endpoint) {
		r.refuse("tunnel.endpoint", "not HOST:PORT", "write it as data.tunneling.iot.REGION.amazonaws.com:443")
	}
	r.path("tunnel.ca", t.CA, false)
}

// services checks the allow-list.
func (r *reader) services(t Tunnel) {
	const path = "tunnel.services"
	if len(t.Services) == 0 && t.Enabled {
		r.fault(path, "no service", "add one, or set tunnel.enabled to false")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Services)) {
		item := join(path, printable(name))
		if !serviceName.accepts(name) {
			r.fault(item, "not a service name", "use the name that is chosen when a tunnel is opened")
		}
		if target := t.Services[name]; !hostPort(target) {
			r.refuse(item, "not HOST:PORT", targetTodo(target))
		}
	}
}

func targetTodo(found string) string {
	if _, err := strconv.ParseUint(found, 10, 16); err == nil {
		return `write "127.0.0.1:` + found + `"`
	}
	return `write it as "127.0.0.1:22"`
}
