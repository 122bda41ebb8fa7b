package page

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// knows reports whether a browser asked for this server by an address or as
// localhost. A name that somebody made resolve to 127.0.0.1 would let any web
// page read this one (DNS rebinding).
func (p *Page) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.IsLoopback() || p.o.Password != "")
}

// slow makes guessing slow: whoever sent a wrong password waits, and with
// maxConns nobody can wait on many connections at once. No password, no pause: it
// is how a browser learns that it has to ask for one.
func (p *Page) slow(r *http.Request) {
	if _, _, given := r.BasicAuth(); !given {
		return
	}
	select {
	case <-time.After(guessPause):
	case <-r.Context().Done():
	}
}

// admits compares the password in constant time.
func (p *Page) admits(r *http.Request) bool {
	if p.o.Password == "" {
		return true
	}
	_, given, ok := r.BasicAuth()
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(p.o.Password))
	return ok && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
