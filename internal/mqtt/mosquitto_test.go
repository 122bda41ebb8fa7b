package mqtt

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"edgeagent/internal/status"
)

// mosquitto is a real broker with mutual TLS on loopback.
type mosquitto struct {
	t    *testing.T
	conf string
	addr string
	stop func()
}

func newMosquitto(t *testing.T, c *certs) *mosquitto {
	t.Helper()
	if _, err := exec.LookPath("mosquitto"); err != nil {
		t.Skip("needs mosquitto: ", err)
	}
	pair := must(c.ca.Server(host))
	cert, key, err := pair.Write(c.dir, "server")
	if err != nil {
		t.Fatal(err)
	}
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	m := &mosquitto{t: t, addr: l.Addr().String(), conf: filepath.Join(c.dir, "mosquitto.conf")}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	conf := fmt.Sprintf("listener %d 127.0.0.1\ncafile %s\ncertfile %s\nkeyfile %s\n"+
		"require_certificate true\nallow_anonymous true\nuser root\nlog_dest none\n", port, c.caFile, cert, key)
	if err := os.WriteFile(m.conf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.stop() })
	m.start()
	return m
}

// start returns when the broker listens.
func (m *mosquitto) start() {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "mosquitto", "-c", m.conf)
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.stop = func() { cancel(); _ = cmd.Wait() } // SIGKILL: connections are reset, nothing is said
	for deadline := time.Now().Add(patience); ; {
		c, err := net.DialTimeout("tcp", m.addr, time.Second)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("mosquitto does not listen: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// office is another client of the broker.
func (m *mosquitto) office(r *rig) paho.Client {
	m.t.Helper()
	id, fault := r.session.identify(time.Now())
	if fault != nil {
		m.t.Fatal(fault.detail)
	}
	o := paho.NewClientOptions().AddBroker("ssl://" + m.addr).SetClientID("office").SetTLSConfig(id.config).SetAutoReconnect(false)
	client := paho.NewClient(o)
	done(m.t, client.Connect())
	m.t.Cleanup(func() { client.Disconnect(100) })
	return client
}

func done(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("the office: %v", token.Error())
	}
}

func TestMosquitto(t *testing.T) {
	t.Parallel()
	c := newCerts(t)
	m := newMosquitto(t, c)
	r := newRig(t, c, newPath(m.addr), withStatus)
	allOK(r.o.Board)
	stop := r.run()
	_, n := r.reports.after(t, 0, ok)

	office := m.office(r)
	done(t, office.Publish(notifyTopic, 1, false, "{}"))
	if got := r.message(); got != notifyTopic+" {}" {
		t.Errorf("notification %q", got)
	}

	m.stop()
	u, n := r.reports.after(t, n, func(u status.Update) bool { return !u.State.Usable() })
	if !strings.HasPrefix(u.Detail, m.addr) {
		t.Errorf("killed: %q", u.Detail)
	}
	m.start()
	r.session.Prove()
	r.reports.after(t, n, ok)

	statuses := make(chan string, 10)
	office = m.office(r)
	done(t, office.Subscribe(statusTopic, 1, func(_ paho.Client, m paho.Message) { statuses <- string(m.Payload()) }))
	if s := decode(t, []byte(receive(t, statuses))); s.State != "ok" || s.Device != "gw-042" {
		t.Errorf("status %+v", s)
	}
	stop()
	for s := receive(t, statuses); s != `{"schema":1,"device":"gw-042","state":"offline"}`; s = receive(t, statuses) {
		if decode(t, []byte(s)).State != "ok" {
			t.Errorf("status %s", s)
		}
	}
}

func receive(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case s := <-from:
		return s
	case <-time.After(patience):
		t.Fatal("no status came")
		return ""
	}
}
