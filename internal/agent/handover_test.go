package agent

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"

	"edgeagent/internal/config"
	"edgeagent/internal/control"
	"edgeagent/internal/handover"
	"edgeagent/internal/status"
	"edgeagent/internal/vpn"
)

// What another image reads names every descriptor and process of what was
// written: one that it does not know of is closed or ended there.
func TestHandoverNamesAllItHolds(t *testing.T) {
	text, err := json.Marshal(&Handover{
		Control: &control.Handover{Socket: 11, Lock: 12},
		Links:   []*vpn.Handover{{Link: "vpn", PID: 101, Output: 13, Management: 14}, {Link: "other", PID: 102, Output: 15, Management: 16}},
		Stub:    []StubSocket{{"stub-udp", 17}, {"stub-tcp", 18}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var h Handover
	if err := json.Unmarshal(text, &h); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(slices.Values(h.FDs())), []int{11, 12, 13, 14, 15, 16, 17, 18}; !slices.Equal(got, want) {
		t.Errorf("descriptors %v, want %v", got, want)
	}
	if got := h.PIDs(); !slices.Equal(got, []int{101, 102}) {
		t.Errorf("processes %v", got)
	}
	if l := h.link("other"); l == nil || l.PID != 102 || h.link("none") != nil || (*Handover)(nil).link("vpn") != nil {
		t.Errorf("link by name: %+v", l)
	}
}

// sleeper is a child, and a pipe of which a link's record holds the descriptors.
func sleeper(t *testing.T, name string) (p *handover.Process, left *vpn.Handover, closed func() bool) {
	t.Helper()
	p, err := handover.Start(exec.Command("/bin/sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	fd, err := handover.Dup(w)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	closed = func() bool { n, _ := r.Read(make([]byte, 1)); return n == 0 }
	return p, &vpn.Handover{Link: name, PID: p.PID, Started: p.Started, Output: fd, Management: handover.None}, closed
}

// A link that is not in the configuration any more ends, the others do not.
func TestLinksThatAreGoneEnd(t *testing.T) {
	old, left, closed := sleeper(t, "old")
	stays, kept, _ := sleeper(t, "vpn")
	defer stays.End(0)
	defer handover.Close(kept.FDs()...)
	h := &Handover{Links: []*vpn.Handover{left, kept}}
	h.endOthers([]config.Link{{Name: "vpn", Type: config.LinkOpenVPN}, {Name: "old", Type: config.LinkInterface}})
	if err := syscall.Kill(old.PID, 0); err != syscall.ESRCH || !closed() {
		t.Errorf("the old one is left: %v", err)
	}
	if err := syscall.Kill(stays.PID, 0); err != nil {
		t.Errorf("the other one: %v", err)
	}
}

func TestHandoverEnds(t *testing.T) {
	p, left, closed := sleeper(t, "vpn")
	(&Handover{Links: []*vpn.Handover{left}}).End()
	if err := syscall.Kill(p.PID, 0); err != syscall.ESRCH || !closed() {
		t.Errorf("something is left: %v", err)
	}
}

// Status and systemd's line show the latest refusal beside the path's state.
func TestWarningsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &parts{board: status.NewBoard("gw-042", "1", "link")}
		warnings := make(chan string)
		ctx, cancel := context.WithCancel(t.Context())
		go p.watchWarnings(ctx, warnings)
		warnings <- "first"
		warnings <- "the new program is refused"
		synctest.Wait()
		s := p.board.Snapshot()
		if s.Warning != "the new program is refused" {
			t.Errorf("status says %q", s.Warning)
		}
		if line := statusLine(s); line != "link: "+status.Title("link", status.ReasonConnecting)+"; the new program is refused" {
			t.Errorf("systemd is told %q", line)
		}
		cancel()
	})
}
