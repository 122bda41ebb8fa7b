package tunneling

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
)

// Tunnel is what OpenTunnel and RotateTunnelAccessToken return.
type Tunnel struct {
	ID                            string
	SourceToken, DestinationToken string
	Services                      []string
}

// tokenBytes makes tokens about as long as AWS's (560 characters).
const tokenBytes = 420

// newToken makes a token of AWS's length and alphabet.
func newToken() string {
	b := make([]byte, tokenBytes)
	rand.Read(b) // never fails (documented)
	return base64.RawURLEncoding.EncodeToString(b)
}

// tunnel is the service's own view of a Tunnel. The Service's mutex guards it.
type tunnel struct {
	id       string
	services []string
	sides    map[string]*end // by mode; absent while not connected
	wire     *Wire           // a test that plays the source
	token    map[string]*token
	closed   bool
}

// token is one side's credential.
type token struct {
	tunnel      *tunnel
	mode        string
	spent       bool
	clientToken string // of the first handshake
	revoked     bool
}

// Open makes a tunnel for up to three services; none is fine.
func (s *Service) Open(services ...string) Tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tunnel{id: newToken()[:32], services: services, sides: map[string]*end{}, token: map[string]*token{}}
	s.tunnels[t.id] = t
	return s.issue(t)
}

// issue makes new tokens and revokes the old. The caller holds s.mu.
func (s *Service) issue(t *tunnel) Tunnel {
	out := Tunnel{ID: t.id, Services: t.services, SourceToken: newToken(), DestinationToken: newToken()}
	for mode, text := range map[string]string{"source": out.SourceToken, "destination": out.DestinationToken} {
		if old := t.token[mode]; old != nil {
			old.revoked = true
		}
		t.token[mode] = &token{tunnel: t, mode: mode}
		s.tokens[text] = t.token[mode]
	}
	return out
}

var errNoTunnel = errors.New("no such tunnel")

// Rotate revokes the tunnel's tokens and returns new ones. With kick, it also
// closes the connected sides.
func (s *Service) Rotate(id string, kick bool) (Tunnel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tunnels[id]
	if t == nil {
		return Tunnel{}, errNoTunnel
	}
	if kick {
		for _, e := range t.sides {
			go e.close(1000, "token rotated")
		}
	}
	return s.issue(t), nil
}

// Close closes the tunnel and both its sides, in order.
func (s *Service) Close(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tunnels[id]
	if t == nil {
		return errNoTunnel
	}
	t.closed = true
	for _, e := range t.sides {
		go e.close(1000, "tunnel closed")
	}
	return nil
}

// admit checks a handshake's tokens and spends the access token. It returns
// what to refuse with.
func (s *Service) admit(access, client, mode string) (*tunnel, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.tokens[access]
	switch {
	case k == nil:
		return nil, "unknown access token"
	case k.mode != mode:
		return nil, "access token of the other mode"
	case k.revoked:
		return nil, "access token was rotated"
	case k.tunnel.closed:
		return nil, "tunnel is closed"
	case k.spent && (client == "" || client != k.clientToken):
		return nil, "access token was used already"
	}
	// Even a handshake that fails afterwards has spent it: the device may not
	// have seen the answer, which is what client tokens are for.
	k.spent, k.clientToken = true, client
	return k.tunnel, ""
}
