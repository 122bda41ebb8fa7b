package localproxy

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// DefaultPort is the service's port.
const DefaultPort = 443

// Config is what a Proxy needs to know. Zero values mean the default.
type Config struct {
	// Endpoint is the service's host:port; see RegionEndpoint.
	Endpoint string
	// Addresses are dialled instead of resolving Endpoint's name, which still
	// is the SNI, the Host header and the name in the certificate.
	Addresses []string
	// BindDevice binds the service's socket, and no other, to a network
	// device: data goes out there or not at all.
	BindDevice string
	// WebProxy says which web proxy to use for a request, as
	// http.ProxyFromEnvironment does. Nil, Addresses or BindDevice: none.
	WebProxy func(*http.Request) (*url.URL, error)

	// AccessToken is the tunnel's destination token. It is a secret.
	AccessToken string
	// ClientToken ties the access token to this client, so that it can connect
	// again; the same on every retry. Default: a random one.
	ClientToken string
	// Roots verify the service's certificate. Default: the system's.
	Roots *x509.CertPool
	// NoVerify accepts any certificate. For tests against a service of one's own.
	NoVerify bool
	// UserAgent names this program in the handshake.
	UserAgent string

	// Destinations says where each service's connections go.
	Destinations Destinations
	// LocalAddress is the address that connections to TCP destinations come from.
	LocalAddress net.IP

	// MaxLifetime ends the proxy; 0 means never.
	MaxLifetime time.Duration
	// MaxRetries ends the proxy after so many failed attempts in a row; 0 means never.
	MaxRetries int
	// Policy overrides single times and bounds.
	Policy Policy

	// Log is told of what changes. Default: nothing.
	Log *slog.Logger
	// Events is told of everything a parent wants to know. It must not block.
	Events func(Event)
}

// clientToken is what the service accepts as a client token.
var clientToken = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9-]{32,128}$`)
})

// NewClientToken returns a random client token (128 bits).
func NewClientToken() string {
	var b [16]byte
	rand.Read(b[:]) // never fails (documented)
	return hex.EncodeToString(b[:])
}

// RegionEndpoint returns the service's host:port in an AWS region.
func RegionEndpoint(region string) (string, error) {
	if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`).MatchString(region) {
		return "", fmt.Errorf("region %q: a name such as us-east-1 is wanted", region)
	}
	domain := "amazonaws.com"
	if len(region) > 3 && region[:3] == "cn-" {
		domain += ".cn"
	}
	return fmt.Sprintf("data.tunneling.iot.%s.%s:%d", region, domain, DefaultPort), nil
}

// complete fills in the defaults and checks what can be checked.
func (c *Config) complete() error {
	if c.ClientToken == "" {
		c.ClientToken = NewClientToken()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	if c.UserAgent == "" {
		c.UserAgent = "edgeagent-localproxy"
	}
	c.Policy = c.Policy.withDefaults()
	_, port, err := net.SplitHostPort(c.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint %q: %w", c.Endpoint, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("endpoint %q: port %q is not a number from 0 to 65535", c.Endpoint, port)
	}
	return c.checkTokens()
}

func (c *Config) checkTokens() error {
	if c.AccessToken == "" {
		return errors.New("no access token")
	}
	for _, b := range []byte(c.AccessToken) {
		if b <= ' ' || b > '~' {
			return errors.New("the access token holds a character that no token has")
		}
	}
	if !clientToken().MatchString(c.ClientToken) {
		return fmt.Errorf("the client token does not match %s", clientToken())
	}
	if _, _, err := c.request(); err != nil {
		return err
	}
	if len(c.Destinations.services) == 0 {
		return errors.New("no destination")
	}
	return nil
}

func (c *Config) host() string {
	host, _, _ := net.SplitHostPort(c.Endpoint) // checked by complete
	return host
}

func (c *Config) port() string {
	_, port, _ := net.SplitHostPort(c.Endpoint) // checked by complete
	return port
}

// hostHeader leaves out the port that the scheme implies.
func (c *Config) hostHeader() string {
	if c.port() == strconv.Itoa(DefaultPort) {
		return c.host()
	}
	return c.Endpoint
}

func (c *Config) tls() *tls.Config {
	return &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		ServerName:                  c.host(),
		RootCAs:                     c.Roots,
		InsecureSkipVerify:          c.NoVerify,
		DynamicRecordSizingDisabled: true,
	}
}
