package localproxy

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Destination is where a service's connections go.
type Destination struct {
	Network string // "tcp" or "unix"
	Address string // host:port, or the socket's path
}

// Destinations maps services to destinations.
type Destinations struct {
	services map[string]Destination // "" is the nameless service
}

// serviceName is what AWS accepts as a service's name.
//
// Compiled when it is needed: to unroll it would be most of a start's work, and
// commands that have nothing to do with tunnels have it too.
var serviceName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)
})

// ParseDestinations reads the value of the reference program's option -d: one
// destination, or SERVICE=DESTINATION separated by commas. See ParseDestination.
func ParseDestinations(text string) (Destinations, error) {
	d := Destinations{services: map[string]Destination{}}
	items := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
	for _, item := range items {
		service, where, named := strings.Cut(item, "=")
		if !named {
			service, where = "", item
		}
		if !named && len(items) > 1 {
			return d, fmt.Errorf("destination %q: several need names, as in SSH=localhost:22,VNC=localhost:5900", item)
		}
		if err := d.Add(strings.TrimSpace(service), strings.TrimSpace(where), named); err != nil {
			return d, err
		}
	}
	if len(items) == 0 {
		return d, fmt.Errorf("destination %q: want [SERVICE=]host:port", text)
	}
	return d, nil
}

// Add adds one destination; a service that is there already keeps its own, as
// in the reference program.
func (d *Destinations) Add(service, where string, named bool) error {
	if named && !serviceName().MatchString(service) {
		return fmt.Errorf("service name %q: want 1 to 128 of a-z, A-Z, 0-9, ':', '_', '-'", service)
	}
	parsed, err := ParseDestination(where)
	if err != nil {
		return err
	}
	if d.services == nil {
		d.services = map[string]Destination{}
	}
	if _, there := d.services[service]; !there {
		d.services[service] = parsed
	}
	return nil
}

// ParseDestination reads host:port, a port (of localhost), or the path of a
// unix socket, which is told by a slash.
func ParseDestination(text string) (Destination, error) {
	if strings.Contains(text, "/") {
		return Destination{"unix", text}, nil
	}
	host, port := "localhost", text
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return Destination{}, fmt.Errorf("destination %q: %w", text, err)
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" {
		return Destination{}, fmt.Errorf("destination %q: want host:port with a port from 1 to 65535, or a socket's path", text)
	}
	return Destination{"tcp", net.JoinHostPort(host, port)}, nil
}

// Services returns the configured services' names in order; the nameless one
// is "".
func (d Destinations) Services() []string {
	names := make([]string, 0, len(d.services))
	for name := range d.services {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// find returns where service goes. available is what the tunnel was opened
// for; a nameless destination stands for any service that is the only one.
func (d Destinations) find(service string, available []string) (Destination, bool) {
	if found, ok := d.services[service]; ok {
		return found, true
	}
	nameless, ok := d.services[""]
	return nameless, ok && len(d.services) == 1 && len(available) <= 1
}

// sole names the service that a v1 peer means, which sends no name. It reports
// false if there are several to choose from.
func (d Destinations) sole(available []string) (string, bool) {
	if len(available) == 1 {
		return available[0], true
	}
	names := d.Services()
	return names[0], len(names) == 1 && len(available) == 0
}
