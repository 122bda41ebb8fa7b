package localproxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	maxRequest  = 4096     // bytes; the service refuses a longer handshake
	maxResponse = 64 << 10 // bytes of the answer's header
	maxReason   = 512      // bytes of a refusal's body that are told
	tunnelPath  = "/tunnel?local-proxy-mode=destination"
)

// subprotocols are offered best first; the service chooses.
var subprotocols = []string{
	"aws.iot.securetunneling-3.0",
	"aws.iot.securetunneling-2.0",
	"aws.iot.securetunneling-1.0",
}

// subprotocolForm says which fields a subprotocol knows.
func subprotocolForm(name string) form {
	return form{service: name != subprotocols[2], connection: name == subprotocols[0]}
}

// statusError is the service's, or a web proxy's, refusal of the handshake.
type statusError struct {
	status  int
	reason  string
	channel string // what AWS Support asks for; may be empty
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("the service answered %d %s", e.status, http.StatusText(e.status))
	if e.reason != "" {
		text += ": " + e.reason
	}
	if e.channel != "" {
		text += " (channel " + e.channel + ")"
	}
	return text
}

// upgraded is what the service said when it accepted.
type upgraded struct {
	channel     string
	subprotocol string
}

// request returns the handshake's HTTP request and the key that its answer
// must prove to have read. It is written by hand, so that nothing is in it that
// net/http would add: the service counts its bytes.
func (c *Config) request() (text []byte, key string, err error) {
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails (documented)
	key = base64.StdEncoding.EncodeToString(nonce[:])
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", tunnelPath, c.hostHeader())
	for _, h := range [][2]string{
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Key", key},
		{"Sec-WebSocket-Version", "13"},
		{"Sec-WebSocket-Protocol", strings.Join(subprotocols, ", ")},
		{"access-token", c.AccessToken},
		{"client-token", c.ClientToken},
		{"User-Agent", c.UserAgent},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	if b.Len() > maxRequest {
		return nil, "", exitf(ExitUsage, "the handshake would take %d bytes, %d are allowed: is the access token whole?", b.Len(), maxRequest)
	}
	return b.Bytes(), key, nil
}

// upgrade makes a WebSocket of conn. The caller closes conn on error.
func (c *Config) upgrade(ctx context.Context, conn net.Conn) (*wsReader, upgraded, error) {
	text, key, err := c.request()
	if err != nil {
		return nil, upgraded{}, err
	}
	// A read cannot be given a context, but a deadline that is over.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(text); err != nil {
		return nil, upgraded{}, fmt.Errorf("sending the handshake: %w", err)
	}
	limited := &io.LimitedReader{R: conn, N: maxResponse}
	reader := newWSReader(limited)
	resp, err := http.ReadResponse(reader.br, &http.Request{Method: http.MethodGet})
	if err != nil {
		return nil, upgraded{}, fmt.Errorf("reading the answer to the handshake: %w", unexpected(err))
	}
	// What the service sends at once lies in the reader's buffer already.
	accepted, err := checkUpgrade(resp, key)
	limited.N = math.MaxInt64
	return reader, accepted, err
}

// checkUpgrade holds the answer to RFC 6455, section 4.1, and to what was
// offered. A service that chooses no subprotocol cannot be spoken to.
func checkUpgrade(resp *http.Response, key string) (upgraded, error) {
	u := upgraded{printable(resp.Header.Get("channel-id")), resp.Header.Get("Sec-WebSocket-Protocol")}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return u, &statusError{resp.StatusCode, refusal(resp), u.channel}
	}
	switch {
	case !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket"):
		return u, fmt.Errorf("%w: Upgrade is %q", errProtocol, resp.Header.Get("Upgrade"))
	case resp.Header.Get("Sec-WebSocket-Accept") != acceptKey(key):
		return u, fmt.Errorf("%w: wrong Sec-WebSocket-Accept", errProtocol)
	case resp.Header.Get("Sec-WebSocket-Extensions") != "":
		return u, fmt.Errorf("%w: an extension that was not offered", errProtocol)
	}
	for _, name := range subprotocols {
		if u.subprotocol == name {
			return u, nil
		}
	}
	return u, fmt.Errorf("%w: subprotocol %q", errProtocol, u.subprotocol)
}

// acceptKey is what a server makes of the key (RFC 6455, section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// refusal is the printable beginning of the body, as one line.
func refusal(resp *http.Response) string {
	if resp.Header.Get("X-Status-Reason") != "" {
		return printable(resp.Header.Get("X-Status-Reason"))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReason))
	if err != nil && len(body) == 0 {
		return ""
	}
	return printable(string(body))
}

// printable makes one line of ASCII of what a stranger sent, for logs and
// terminals.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s[:min(len(s), maxReason)]), " ")
}
