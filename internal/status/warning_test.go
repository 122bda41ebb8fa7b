package status

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWarningsInSnapshot(t *testing.T) {
	b := newTestBoard()
	b.Warn("the new program is refused")
	clock := NewWarning(WarnClock, "")
	b.SetWarnings([]Warning{clock})
	s := b.Snapshot()
	if diff := cmp.Diff([]Warning{NewWarning(WarnRefused, "the new program is refused"), clock}, s.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	b.Warn("")
	b.SetWarnings(nil)
	data, err := json.Marshal(b.Snapshot())
	if err != nil || strings.Contains(string(data), "warning") {
		t.Errorf("warnings did not clear: %s, %v", data, err)
	}
}

func TestWarningsJSONKeys(t *testing.T) {
	data, err := json.Marshal(NewWarning(WarnVPNCert, "vpn: 2026-12-10"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"id":"vpn-cert-ends"`, `"text":"the VPN certificate ends soon"`, `"detail":"vpn: 2026-12-10"`, `"hint":"issue `} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s is not in %s", want, data)
		}
	}
}

func TestSetWarningsAnnouncesChangesOnly(t *testing.T) {
	b := newTestBoard()
	b.SetWarnings([]Warning{NewWarning(WarnClock, "")})
	changed := b.Changed()
	b.SetWarnings([]Warning{NewWarning(WarnClock, "")})
	select {
	case <-changed:
		t.Error("equal warnings were announced")
	default:
	}
	b.SetWarnings(nil)
	select {
	case <-changed:
	default:
		t.Error("that a warning is gone was not announced")
	}
}

// A leak that is the root cause is not told twice.
func TestRootCauseHidesItsWarning(t *testing.T) {
	s := broken(1, Degraded, ReasonHostTrampled, "")
	s.Warnings = []Warning{NewWarning(WarnLeak, ""), NewWarning(WarnClock, "")}
	text := Text(s, TextOptions{})
	if strings.Count(text, "Note: ") != 1 || !strings.Contains(text, "Note: no time server") {
		t.Errorf("got\n%s", text)
	}
	s.FixFirst.Reason = ReasonNoAnswer
	if text := Text(s, TextOptions{}); strings.Count(text, "Note: ") != 2 {
		t.Errorf("beside another cause:\n%s", text)
	}
}

// A daemon of another version may word a warning otherwise, or have others.
func TestWarningOfAnotherVersion(t *testing.T) {
	for _, w := range []Warning{
		{ID: WarnClock, Text: "the clock drifts", Hint: "wait."},
		{ID: "too-hot", Text: "the clock drifts", Hint: "wait."},
	} {
		if got := japanese.note(w); got != "the clock drifts: wait." {
			t.Errorf("%s: %q", w.ID, got)
		}
	}
}
