package localproxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// answering is a connection whose other side answers the handshake with text,
// in which KEY stands for the right key.
type answering struct {
	net.Conn
	text    string
	request bytes.Buffer
	answer  io.Reader
}

func (a *answering) Write(p []byte) (int, error) { return a.request.Write(p) }

func (a *answering) Read(p []byte) (int, error) {
	if a.answer == nil {
		_, after, _ := strings.Cut(a.request.String(), "Sec-WebSocket-Key: ")
		key, _, _ := strings.Cut(after, "\r\n")
		a.answer = strings.NewReader(strings.ReplaceAll(a.text, "KEY", acceptKey(key)))
	}
	return a.answer.Read(p)
}

const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"

func TestUpgradeFollowsTheServicesChoice(t *testing.T) {
	cfg := testConfig(t)
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	conn := &answering{text: switching + "channel-id: 7\r\nSec-WebSocket-Accept: KEY\r\n" +
		"Sec-WebSocket-Protocol: aws.iot.securetunneling-2.0\r\n\r\n" + string(frame(opBinary, []byte("at once")))}
	reader, accepted, err := cfg.upgrade(t.Context(), conn)
	if err != nil || accepted.channel != "7" || accepted.subprotocol != subprotocols[1] {
		t.Fatalf("%+v, %v", accepted, err)
	}
	if data, _, _ := (&replay{reader}).all(); string(data) != "at once" {
		t.Errorf("behind the answer came %q", data)
	}
	request := conn.request.String()
	if !strings.HasPrefix(request, "GET /tunnel?local-proxy-mode=destination HTTP/1.1\r\nHost: example.com\r\n") ||
		!strings.Contains(request, "Sec-WebSocket-Protocol: "+strings.Join(subprotocols, ", ")+"\r\n") ||
		strings.Count(request, "access-token: ") != 1 || strings.Count(request, "client-token: ") != 1 {
		t.Errorf("the request is %q", request)
	}
}

// replay reads what is left of a reader.
type replay struct{ *wsReader }

func (r *replay) all() ([]byte, []string, error) {
	data, err := io.ReadAll(r.wsReader)
	return data, nil, err
}

func TestUpgradeRefusesOtherAnswers(t *testing.T) {
	accept := "Sec-WebSocket-Accept: KEY\r\n"
	protocol := "Sec-WebSocket-Protocol: aws.iot.securetunneling-3.0\r\n"
	for name, c := range map[string]struct {
		text   string
		status int // of a refusal
		part   string
	}{
		"a refusal":          {"HTTP/1.1 403 Forbidden\r\nchannel-id: 9\r\nContent-Length: 7\r\n\r\nno\x1b[2J\n", 403, "403 Forbidden: no [2J (channel 9)"},
		"a refusal's header": {"HTTP/1.1 400 Bad Request\r\nX-Status-Reason: bad\r\nContent-Length: 0\r\n\r\n", 400, "Bad Request: bad"},
		"another page":       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "200 OK"},
		"a wrong key":        {switching + "Sec-WebSocket-Accept: x\r\n" + protocol + "\r\n", 0, "Accept"},
		"no upgrade":         {strings.Replace(switching, "websocket", "h2c", 1) + accept + protocol + "\r\n", 0, "Upgrade"},
		"an extension":       {switching + accept + protocol + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 0, "extension"},
		"no subprotocol":     {switching + accept + "\r\n", 0, "subprotocol"},
		"another one":        {switching + accept + "Sec-WebSocket-Protocol: mqtt\r\n\r\n", 0, "subprotocol"},
		"no end":             {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100), -1, "EOF"},
		"no HTTP":            {"SSH-2.0-OpenSSH\r\n", -1, "malformed"},
	} {
		cfg := testConfig(t)
		if err := cfg.complete(); err != nil {
			t.Fatal(err)
		}
		_, _, err := cfg.upgrade(t.Context(), &answering{text: c.text})
		var status *statusError
		switch {
		case err == nil || !strings.Contains(err.Error(), c.part):
			t.Errorf("%s: %v, want %q", name, err, c.part)
		case c.status == 0 && !errors.Is(err, errProtocol):
			t.Errorf("%s: %v is no violation", name, err)
		case c.status > 0 && (!errors.As(err, &status) || status.status != c.status):
			t.Errorf("%s: %v, want status %d", name, err, c.status)
		}
	}
}

// FuzzUpgrade holds the handshake to accepting nothing but a proof and a known
// subprotocol, and to telling a terminal nothing but text.
func FuzzUpgrade(f *testing.F) {
	f.Add(switching + "Sec-WebSocket-Accept: KEY\r\nSec-WebSocket-Protocol: aws.iot.securetunneling-1.0\r\n\r\n")
	f.Add("HTTP/1.1 503 Service Unavailable\r\n\r\nbusy\x1b]0;x\x07")
	f.Add("HTTP/1.1 101\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg := Config{Endpoint: "example.com:443", AccessToken: "t", ClientToken: NewClientToken(), UserAgent: "x"}
		_, accepted, err := cfg.upgrade(t.Context(), &answering{text: text})
		var status *statusError
		switch {
		case err == nil && (!strings.Contains(text, "KEY") || !strings.HasPrefix(accepted.subprotocol, "aws.iot.securetunneling-")):
			t.Fatalf("accepted %+v", accepted)
		case errors.As(err, &status) && (status.status == http.StatusSwitchingProtocols || strings.ContainsFunc(status.reason+status.channel, func(r rune) bool { return r < ' ' || r > '~' })):
			t.Fatalf("refused with %+v", status)
		}
	})
}
