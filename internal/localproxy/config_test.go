package localproxy

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// testConfig is complete.
func testConfig(t *testing.T) Config {
	t.Helper()
	d, err := ParseDestinations("SSH=22")
	if err != nil {
		t.Fatal(err)
	}
	return Config{Endpoint: "example.com:443", AccessToken: "s3cr3t", Destinations: d}
}

func TestRegionEndpoint(t *testing.T) {
	for region, want := range map[string]string{
		"ap-northeast-1": "data.tunneling.iot.ap-northeast-1.amazonaws.com:443",
		"cn-north-1":     "data.tunneling.iot.cn-north-1.amazonaws.com.cn:443",
	} {
		if got, err := RegionEndpoint(region); err != nil || got != want {
			t.Errorf("%s: %s, %v", region, got, err)
		}
	}
	for _, region := range []string{"", "us", "us-east-1.evil.example", "US-EAST-1", "us-east-1\r\n"} {
		if got, err := RegionEndpoint(region); err == nil {
			t.Errorf("%q was accepted as %s", region, got)
		}
	}
}

func TestNewRefusesWithTheUsageStatus(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		part   string
	}{
		"no token":             {func(c *Config) { c.AccessToken = "" }, "no access token"},
		"a token with a line":  {func(c *Config) { c.AccessToken = "a\nb" }, "no token has"},
		"a token too long":     {func(c *Config) { c.AccessToken = strings.Repeat("x", 4000) }, "4096 are allowed"},
		"a short client token": {func(c *Config) { c.ClientToken = "short" }, "does not match"},
		"no port":              {func(c *Config) { c.Endpoint = "example.com" }, "missing port"},
		"a wrong port":         {func(c *Config) { c.Endpoint = "example.com:x" }, "not a number"},
		"no destination":       {func(c *Config) { c.Destinations = Destinations{} }, "no destination"},
	} {
		cfg := testConfig(t)
		c.change(&cfg)
		_, err := New(cfg)
		var exit *ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != ExitUsage || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && cfg.AccessToken != "" && strings.Contains(err.Error(), cfg.AccessToken) {
			t.Errorf("%s: the error tells the token", name)
		}
	}
}

// Agents cut tokens at 1023 characters (fault 12); three times as many are fine.
func TestLongTokenIsSentWhole(t *testing.T) {
	cfg := testConfig(t)
	cfg.AccessToken = strings.Repeat("t", 3500)
	if _, err := New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	text, _, err := cfg.request()
	if err != nil || !strings.Contains(string(text), "\r\naccess-token: "+cfg.AccessToken+"\r\n") {
		t.Errorf("%v, the token is not in the request as a whole", err)
	}
}

func TestClientTokenIsMadeOnceAndValid(t *testing.T) {
	cfg := testConfig(t)
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	first, _, _ := cfg.request()
	second, _, _ := cfg.request()
	line := "\r\nclient-token: " + cfg.ClientToken + "\r\n"
	if !clientToken().MatchString(cfg.ClientToken) || !strings.Contains(string(first), line) || !strings.Contains(string(second), line) {
		t.Errorf("client token %q is not on every request", cfg.ClientToken)
	}
	if NewClientToken() == cfg.ClientToken {
		t.Error("two client tokens are the same")
	}
}

func TestRetryDelayIsJitteredWithinItsBounds(t *testing.T) {
	p := Policy{}.withDefaults()
	for failures, limit := range map[int]time.Duration{1: 2100 * time.Millisecond, 17: 4584 * time.Millisecond, 84: 120 * time.Second, 1000: 120 * time.Second} {
		low, high := time.Hour, time.Duration(0)
		for range 2000 {
			d := p.retryAfter(failures)
			low, high = min(low, d), max(high, d)
		}
		spread := limit - time.Second
		if low < time.Second || high >= limit || high-low < spread*9/10 {
			t.Errorf("after %d failures: %s to %s, want spread over 1s to %s", failures, low, high, limit)
		}
	}
}

func TestWebProxyIsLeftOutOnAPrivatePath(t *testing.T) {
	proxy := func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example:8080") }
	cfg := testConfig(t)
	cfg.WebProxy = proxy
	if u, err := cfg.webProxy(); err != nil || u == nil {
		t.Errorf("%v, %v, want the proxy", u, err)
	}
	for name, change := range map[string]func(*Config){
		"addresses": func(c *Config) { c.Addresses = []string{"10.0.0.1"} },
		"device":    func(c *Config) { c.BindDevice = "tun0" },
	} {
		private := cfg
		change(&private)
		if u, err := private.webProxy(); err != nil || u != nil {
			t.Errorf("%s: %v, %v, want none", name, u, err)
		}
	}
}
