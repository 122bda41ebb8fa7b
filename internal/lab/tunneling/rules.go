package tunneling

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
)

// maxRequest is the longest handshake that the service reads, in bytes.
const maxRequest = 4096

var clientTokenPattern = regexp.MustCompile(`^[a-zA-Z0-9-]{32,128}$`)

// check holds a handshake against the protocol guide's rules. Status 0 is fine.
func check(r *http.Request) (status int, reason string) {
	mode := r.URL.Query().Get("local-proxy-mode")
	switch {
	case r.URL.Path != "/tunnel":
		return http.StatusBadRequest, "path is not /tunnel"
	case mode != "source" && mode != "destination":
		return http.StatusBadRequest, "local-proxy-mode is neither source nor destination"
	case requestSize(r) > maxRequest:
		return http.StatusRequestHeaderFieldsTooLarge, "request over 4096 bytes"
	case len(r.Header.Values("access-token")) != 1:
		return http.StatusBadRequest, "want one access-token"
	case len(r.Header.Values("client-token")) > 1:
		return http.StatusBadRequest, "want one client-token at most"
	}
	if c := r.Header.Get("client-token"); c != "" && !clientTokenPattern.MatchString(c) {
		return http.StatusBadRequest, "client-token breaks its pattern"
	}
	return 0, ""
}

// requestSize is how long the request was on the wire, but for its last empty
// line: net/http keeps no count.
func requestSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + 4 + len("Host: \r\n") + len(r.Host) + 2
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	return size
}

// errRule marks what costs a client its connection.
var errRule = errors.New("broken rule")

// rule returns an error if a client of the given mode and subprotocol version
// may not send m.
func (m Message) rule(mode string, version int, services []string) error {
	allowed := []Kind{Data, StreamReset}
	if version >= 3 {
		allowed = append(allowed, ConnectionReset)
	}
	if mode == "source" {
		allowed = append(allowed, StreamStart)
		if version >= 3 {
			allowed = append(allowed, ConnectionStart)
		}
	}
	switch {
	case !slices.Contains(allowed, m.Kind):
		return fmt.Errorf("%w: a %s sent type %d", errRule, mode, m.Kind)
	case m.Stream == 0:
		return fmt.Errorf("%w: a %s sent stream 0", errRule, mode)
	case m.Service != "" && version < 2, m.Connection != 0 && version < 3:
		return fmt.Errorf("%w: a field that version %d does not know", errRule, version)
	case len(m.Services) > 0:
		return fmt.Errorf("%w: a %s sent a list of services", errRule, mode)
	case m.Service != "" && !slices.Contains(services, m.Service):
		return fmt.Errorf("%w: service %q is not the tunnel's", errRule, m.Service)
	}
	return nil
}
