package rival

import (
	"strings"
	"testing"
	"time"
)

func TestJournalPipe(t *testing.T) {
	j := &journal{}
	w, err := j.pipe("gateway")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := w.WriteString("connected rc=0\ndisconnected rc=7\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	waitFor(t, func() bool { return j.last() == "gateway: disconnected rc=7" })
	if e, ok := j.first(began, lost); !ok || e.text != "gateway: disconnected rc=7" {
		t.Errorf("the loss is %+v, %v", e, ok)
	}
	if e, ok := j.first(time.Now().Add(time.Hour), lost); ok {
		t.Errorf("a loss of the past was found: %+v", e)
	}
	if tail := j.tail(1); strings.Contains(tail, "connected rc=0") || !strings.Contains(tail, "rc=7") {
		t.Errorf("the tail of one line is %q", tail)
	}
}

func TestJournalFirstNot(t *testing.T) {
	j := &journal{}
	j.add("status", "down link no-uplink")
	since := time.Now()
	j.add("status", "ok")
	if e, ok := j.firstNot(since, "status: ok"); ok {
		t.Errorf("%+v is not ok, or not since then", e)
	}
	j.add("status", "degraded dns no-answer")
	j.add("status", "down link no-answer")
	if e, ok := j.firstNot(since, "status: ok"); !ok || e.text != "status: degraded dns no-answer" {
		t.Errorf("the first that is not ok is %+v, %v", e, ok)
	}
}

// TestLostWords holds the pattern against what the programs write, word for word.
func TestLostWords(t *testing.T) {
	for text, want := range map[string]bool{
		openvpnUnit + ": [server.vpn.lab] Inactivity timeout (--ping-restart), restarting":            true,
		openvpnUnit + ": SIGUSR1[soft,ping-restart] received, process restarting":                     true,
		openvpnUnit + ": Main process exited: signal: killed":                                         true,
		gatewayUnit + ": disconnected rc=16":                                                          true,
		gatewayUnit + ": connect failed":                                                              true,
		gatewayUnit + ": connected rc=0 session=0":                                                    false,
		openvpnUnit + ": Initialization Sequence Completed":                                           false,
		openvpnUnit + ": NOTE: the current --script-security setting may allow this configuration to": false,
	} {
		if lost.MatchString(text) != want {
			t.Errorf("%q: %v, want %v", text, !want, want)
		}
	}
}

// waitFor polls until ok, for as long as a loaded machine may take.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("it never came")
		}
		<-time.After(time.Millisecond)
	}
}
