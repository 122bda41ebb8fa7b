package awsiot

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/mqtt"
	"edgeagent/internal/status"
)

// The policies that the guide gives away.
const (
	least      = "iot-policy.json"
	withStatus = "iot-policy-with-status.json"
)

// documented is a policy of the guide, without the statements and actions that
// drop names.
func documented(t *testing.T, name string, drop ...string) *Grants {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../docs/aws", name))
	must(t, err)
	var policy map[string]any
	must(t, json.Unmarshal(data, &policy))
	for _, s := range policy["Statement"].([]any) {
		s := s.(map[string]any)
		actions, ok := s["Action"].([]any)
		if !ok {
			actions = []any{s["Action"]}
		}
		s["Action"] = append(slices.DeleteFunc(actions, func(a any) bool { return slices.Contains(drop, a.(string)) }), "iot:Nothing")
	}
	data, err = json.Marshal(policy)
	must(t, err)
	g, err := ParseGrants(data, "gw-042", "vpce-0123456789abcdef0")
	must(t, err)
	return g
}

// path is a private path that leads to the broker of a test.
type path struct{ addr string }

func (p path) Dial(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", p.addr)
}

func (p path) Addresses() []netip.AddrPort {
	return []netip.AddrPort{netip.MustParseAddrPort("10.0.6.105:8883")}
}

// agentRun is the agent's own session with a broker that follows a policy.
type agentRun struct {
	updates chan status.Update
	heard   chan string // payloads of notifications
	broker  *Broker
}

func runSession(t *testing.T, g *Grants, statusTopic string) *agentRun {
	t.Helper()
	ca, err := pki.NewCA("Test CA")
	must(t, err)
	server, err := ca.Server("iot.example.com")
	must(t, err)
	device, err := ca.Client("gw-042")
	must(t, err)
	serverCert, err := server.TLS()
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	broker, err := Start(t.Context(), Options{
		Listeners: []net.Listener{l}, Quirks: Quirks{Grants: g},
		TLS: &tls.Config{Certificates: []tls.Certificate{serverCert}, ClientCAs: ca.Pool()},
	})
	must(t, err)
	t.Cleanup(broker.Close)
	dir := t.TempDir()
	caFile, err := ca.WriteCert(dir, "ca")
	must(t, err)
	cert, key, err := device.Write(dir, "device")
	must(t, err)
	cfg := config.Default().MQTT
	cfg.CA, cfg.Cert, cfg.Key, cfg.ClientID, cfg.StatusTopic = caFile, cert, key, "gw-042", statusTopic
	gate, _ := clock.NewGate(time.Time{}, filepath.Join(dir, "last-time"))
	a := &agentRun{updates: make(chan status.Update, 100), heard: make(chan string, 10), broker: broker}
	s := mqtt.New(mqtt.Options{
		MQTT: cfg, Endpoint: config.Endpoint{Host: "iot.example.com", Port: 8883}, Thing: "gw-042",
		Path: path{l.Addr().String()}, Notify: func(_ string, payload []byte) { a.heard <- string(payload) },
		Clock: gate, Board: status.NewBoard("gw-042", "test", "link", "dns", "endpoint", "broker", "tunnel"), Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(ctx, func(u status.Update) {
			select {
			case a.updates <- u:
			default:
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return a
}

// until waits for an update that is as wanted.
func (a *agentRun) until(t *testing.T, what string, want func(status.Update) bool) status.Update {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case u := <-a.updates:
			if want(u) {
				return u
			}
		case <-deadline:
			t.Fatalf("no update that is %s", what)
		}
	}
}

func isOK(u status.Update) bool { return u.State == status.OK }

// notified announces two tunnels, the second with a policy that is enough, and
// returns the one that the agent hears of first.
func (a *agentRun) notified(t *testing.T) string {
	t.Helper()
	must(t, a.broker.Notify("gw-042", []byte("first")))
	a.broker.Set(func(q *Quirks) { q.Grants = documented(t, least) })
	must(t, a.broker.Notify("gw-042", []byte("second")))
	select {
	case payload := <-a.heard:
		return payload
	case <-time.After(patience):
		t.Fatal("no notification at all")
		return ""
	}
}

// The agent works with exactly the policies of the guide.
func TestDocumentedPoliciesAreEnough(t *testing.T) {
	for name, topic := range map[string]string{least: "", withStatus: "edgeagent/gw-042/status"} {
		t.Run(name, func(t *testing.T) {
			a := runSession(t, documented(t, name), topic)
			a.until(t, "ok", isOK)
			if c := a.broker.Connects()[0]; c.Clean || c.Will != (topic != "") {
				t.Errorf("connected with %+v: the persistent session or the last will is not tried", c)
			}
			if v := a.broker.Violations(); len(v) > 0 {
				t.Errorf("violations %q", v)
			}
			if topic != "" {
				waitRetained(t, a.broker, topic)
			}
			if got := a.notified(t); got != "first" {
				t.Errorf("heard of the %s tunnel first", got)
			}
		})
	}
}

func waitRetained(t *testing.T, b *Broker, topic string) {
	t.Helper()
	deadline := time.After(patience)
	for b.Retained(topic) == nil {
		changed := b.Changed()
		select {
		case <-changed:
		case <-deadline:
			t.Fatal("no retained status")
		}
	}
}

// Without any one of their actions something does not work, and the agent says
// which stage has lost what. Only a missing iot:Receive cannot be seen by it.
func TestDocumentedPoliciesHaveNothingToSpare(t *testing.T) {
	const topic = "edgeagent/gw-042/status"
	tests := []struct {
		file, drop, topic string
		reason            status.Reason
	}{
		{least, "iot:Connect", "", status.ReasonRefused},
		{least, "iot:Subscribe", "", status.ReasonUnsubscribed},
		{withStatus, "iot:Publish", topic, status.ReasonRefused},
		{withStatus, "iot:RetainPublish", topic, status.ReasonRefused},
	}
	for _, tt := range tests {
		t.Run(tt.drop, func(t *testing.T) {
			a := runSession(t, documented(t, tt.file, tt.drop), tt.topic)
			u := a.until(t, string(tt.reason), func(u status.Update) bool { return u.Reason == tt.reason || isOK(u) })
			if isOK(u) {
				t.Errorf("ok without %s", tt.drop)
			}
		})
	}
	t.Run("iot:Receive", func(t *testing.T) {
		a := runSession(t, documented(t, least, "iot:Receive"), "")
		a.until(t, "ok", isOK)
		if got := a.notified(t); got != "second" {
			t.Error("the notification came without iot:Receive")
		}
	})
	t.Run("LastWill", func(t *testing.T) {
		a := runSession(t, documented(t, least), topic) // the status topic without its policy
		a.until(t, "refused", func(u status.Update) bool { return u.Reason == status.ReasonRefused })
	})
}

// From the internet, or as somebody else, the same policy lets nobody in.
func TestDocumentedPolicyKeepsOthersOut(t *testing.T) {
	data, err := os.ReadFile("../../../docs/aws/" + least)
	must(t, err)
	for name, who := range map[string][2]string{"internet": {"gw-042", ""}, "another VPC endpoint": {"gw-042", "vpce-0"}, "another thing": {"gw-043", "vpce-0123456789abcdef0"}} {
		g, err := ParseGrants(data, who[0], who[1])
		must(t, err)
		if g.Allows("iot:Connect", "client/gw-042", persistentConnect) {
			t.Errorf("%s: may connect as gw-042", name)
		}
	}
	if strings.Contains(string(data), `"iot:*"`) || strings.Contains(string(data), `"*"`) {
		t.Error("the least policy has a wildcard")
	}
}
