package lab

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/history"
	"edgeagent/internal/status"
)

// Where the agent is told to serve.
const (
	pageAddress    = "127.0.0.1:8787"
	metricsAddress = "127.0.0.1:9787"
)

// fetch asks a server as a program on n does.
func fetch(t *testing.T, n *Node, url string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: n.Dial}}
	req, err := http.NewRequestWithContext(within(t, testTimeout), http.MethodGet, url, nil)
	must(t, err)
	r, err := client.Do(req)
	must(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	must(t, err)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", url, r.Status, body)
	}
	return string(body)
}

// value is a sample's, -1 if it is not there.
func value(t *testing.T, text, sample string) float64 {
	t.Helper()
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, sample+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			must(t, err)
			return v
		}
	}
	return -1
}

// TestPageAndMetrics: the real agent shows itself to the device, and to nobody
// else; what it counts grows when something is lost.
func TestPageAndMetrics(t *testing.T) {
	t.Parallel()
	config := map[string]string{"status_page": pageAddress, "metrics_listen": metricsAddress}
	for key, v := range impatient {
		config[key] = v
	}
	l := start(t, Options{Config: config})
	a := startAgent(t, l)
	waitOK(t, a)

	before := fetch(t, l.Device, "http://"+metricsAddress+"/metrics")
	for sample, want := range map[string]float64{
		"edgeagent_up": 1, `edgeagent_stage_losses_total{stage="link"}`: 0, "edgeagent_broker_connects_total": 1,
		`edgeagent_link_recoveries_total{link="vpn"}`: 0, "edgeagent_tunnels": 0, "edgeagent_notifications_refused_total": 0,
	} {
		if got := value(t, before, sample); got != want {
			t.Errorf("%s is %v, want %v", sample, got, want)
		}
	}
	for _, sample := range []string{
		`edgeagent_certificate_expiry_seconds{certificate="vpn"}`, `edgeagent_certificate_expiry_seconds{certificate="device"}`,
		"edgeagent_broker_round_trip_seconds", "edgeagent_link_received_bytes_total", `edgeagent_link_agent_day_bytes{link="vpn"}`,
	} {
		if got := value(t, before, sample); got < 0 {
			t.Errorf("no %s in\n%s", sample, before)
		}
	}
	if got := fetch(t, l.Device, "http://"+pageAddress+"/"); !strings.HasPrefix(got, "<!doctype html>") {
		t.Errorf("the page is %.100s", got)
	}
	refusedElsewhere(t, l)

	must(t, l.BlackholeVPN(true))
	waitUnusable(t, a, "link")
	var s status.Snapshot
	must(t, json.Unmarshal([]byte(fetch(t, l.Device, "http://"+pageAddress+"/v1/status")), &s))
	if s.FixFirst == nil || s.FixFirst.Stage != "link" {
		t.Errorf("the page's cause is %+v", s.FixFirst)
	}
	must(t, l.BlackholeVPN(false))
	waitOK(t, a)
	after := fetch(t, l.Device, "http://"+metricsAddress+"/metrics")
	for _, sample := range []string{
		`edgeagent_stage_losses_total{stage="link"}`, `edgeagent_stage_losses_total{stage="broker"}`, `edgeagent_link_recoveries_total{link="vpn"}`,
		"edgeagent_broker_connects_total",
	} {
		if was, is := value(t, before, sample), value(t, after, sample); is <= was {
			t.Errorf("%s was %v and is %v", sample, was, is)
		}
	}
	pastHasLoss(t, l, "before a reload")
	began := time.Now()
	a.Signal(syscall.SIGHUP)
	waitStarted(t, a, began)
	pastHasLoss(t, l, "after a reload")
}

// pastHasLoss checks that the page knows of the link's loss.
func pastHasLoss(t *testing.T, l *Lab, when string) {
	t.Helper()
	var h history.History
	must(t, json.Unmarshal([]byte(fetch(t, l.Device, "http://"+pageAddress+"/v1/history")), &h))
	states := map[status.State]bool{}
	for _, span := range h.Stages[0].Spans {
		states[span.State] = true
	}
	if h.Stages[0].Name != "link" || !states[status.OK] || !states[status.Down] {
		t.Errorf("%s the history has %+v", when, h.Stages)
	}
}

// refusedElsewhere: from the uplink's side nobody answers at any address of the
// device.
func refusedElsewhere(t *testing.T, l *Lab) {
	t.Helper()
	out, err := l.Device.Run(within(t, testTimeout), "ip", "-4", "-o", "addr", "show", "dev", "eth0")
	must(t, err)
	fields := strings.Fields(out)
	if len(fields) < 4 {
		t.Fatalf("no address on eth0: %q", out)
	}
	address, _, _ := strings.Cut(fields[3], "/")
	for _, served := range []string{pageAddress, metricsAddress} {
		_, port, err := net.SplitHostPort(served)
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		c, err := l.Uplink.Dial(ctx, "tcp", net.JoinHostPort(address, port))
		cancel()
		if err == nil {
			c.Close()
			t.Errorf("port %s of %s answers the uplink", port, address)
		} else if !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("dialling %s from the uplink: %v", address, err) // the test would prove nothing
		}
	}
}
