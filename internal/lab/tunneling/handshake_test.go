package tunneling

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestHandshakeRules(t *testing.T) {
	r := newRig(t, Options{})
	tun := r.Open("SSH")
	twice := tokens(tun.DestinationToken)
	twice.Add("access-token", tun.DestinationToken)
	long := tokens(tun.DestinationToken)
	long.Set("X-Padding", strings.Repeat("x", maxRequest))
	for name, c := range map[string]struct {
		path   string
		header http.Header
		want   int
	}{
		"another path":         {"/other?local-proxy-mode=destination", tokens(tun.DestinationToken), 400},
		"no mode":              {"/tunnel", tokens(tun.DestinationToken), 400},
		"no token":             {destinationPath, http.Header{}, 400},
		"two tokens":           {destinationPath, twice, 400},
		"two client tokens":    {destinationPath, tokens(tun.DestinationToken, clientA, clientB), 400},
		"a short client token": {destinationPath, tokens(tun.DestinationToken, "short"), 400},
		"a long request":       {destinationPath, long, 431},
		"an unknown token":     {destinationPath, tokens("unknown"), 403},
		"the other's token":    {destinationPath, tokens(tun.SourceToken), 403},
	} {
		_, resp, err := r.connect(t, c.path, c.header)
		if err == nil || resp == nil || resp.StatusCode != c.want {
			t.Errorf("%s: %v, %v, want %d", name, resp, err, c.want)
		}
	}
	if s := r.Stats(); s.Refused != 9 || s.Handshakes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTokenIsSpentOnce(t *testing.T) {
	r := newRig(t, Options{})
	for name, c := range map[string]struct {
		first, second []string
		want          int
	}{
		"without a client token":   {nil, nil, 403},
		"with the same":            {[]string{clientA}, []string{clientA}, 101},
		"with another":             {[]string{clientA}, []string{clientB}, 403},
		"without the first one's":  {[]string{clientA}, nil, 403},
		"with one when first none": {nil, []string{clientA}, 403},
	} {
		tun := r.Open()
		if _, _, err := r.connect(t, destinationPath, tokens(tun.DestinationToken, c.first...)); err != nil {
			t.Fatal(err)
		}
		_, resp, _ := r.connect(t, destinationPath, tokens(tun.DestinationToken, c.second...))
		if resp == nil || resp.StatusCode != c.want {
			t.Errorf("%s: %v, want %d", name, resp, c.want)
		}
	}
}

func TestRotateRevokesAndKicks(t *testing.T) {
	r := newRig(t, Options{})
	tun := r.Open()
	ws, _, err := r.connect(t, destinationPath, tokens(tun.DestinationToken, clientA))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Connected(soon(t), tun.ID, "destination"); err != nil {
		t.Fatal(err)
	}
	fresh, err := r.Rotate(tun.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(soon(t)); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the connected side got %v", err)
	}
	if _, resp, _ := r.connect(t, destinationPath, tokens(tun.DestinationToken, clientA)); resp == nil || resp.StatusCode != 403 {
		t.Errorf("the old token: %v", resp)
	}
	if _, _, err := r.connect(t, destinationPath, tokens(fresh.DestinationToken, clientA)); err != nil {
		t.Errorf("the new token: %v", err)
	}
	if _, err := r.Rotate("none", false); !errors.Is(err, errNoTunnel) {
		t.Errorf("%v", err)
	}
}

func TestClosedTunnelRefuses(t *testing.T) {
	r := newRig(t, Options{})
	tun := r.Open()
	if err := r.Close(tun.ID); err != nil {
		t.Fatal(err)
	}
	if _, resp, _ := r.connect(t, destinationPath, tokens(tun.DestinationToken)); resp == nil || resp.StatusCode != 403 {
		t.Errorf("%v", resp)
	}
	if err := r.Close("none"); !errors.Is(err, errNoTunnel) {
		t.Errorf("%v", err)
	}
}

func TestRefusalIsInjected(t *testing.T) {
	r := newRig(t, Options{})
	tun := r.Open()
	r.Refuse(503, 1)
	if _, resp, _ := r.connect(t, destinationPath, tokens(tun.DestinationToken)); resp == nil || resp.StatusCode != 503 {
		t.Errorf("%v", resp)
	}
	if _, _, err := r.connect(t, destinationPath, tokens(tun.DestinationToken)); err != nil {
		t.Errorf("the next handshake: %v", err)
	}
}
