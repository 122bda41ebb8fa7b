package status

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newTestBoard() *Board { return NewBoard("gw-042", "0.1.0", "link", "dns", "broker") }

func TestBoardCountsLosses(t *testing.T) {
	b := newTestBoard()
	for _, s := range []State{Starting, OK, Degraded, OK, Down, Starting, OK, Starting, Degraded, Down} {
		b.Set("link", Update{State: s})
	}
	c := b.Condition("link")
	if c.Losses != 3 {
		t.Errorf("Losses = %d after leaving ok three times", c.Losses)
	}
}

func TestBoardGoesOnCountingLosses(t *testing.T) {
	before := newTestBoard()
	for _, s := range []State{OK, Down, OK, Down} {
		before.Set("link", Update{State: s})
	}
	losses := before.Losses()
	losses["of an older version"] = 1
	b := newTestBoard()
	b.Restore(losses)
	b.Set("link", Update{State: OK})
	b.Set("link", Update{State: Degraded})
	if want := map[string]int{"link": 3, "dns": 0, "broker": 0}; !cmp.Equal(b.Losses(), want) {
		t.Errorf("Losses = %v, want %v", b.Losses(), want)
	}
}

func TestBoardSinceIsTheStatesAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBoard()
		b.Set("link", Update{State: Down, Reason: ReasonNoAnswer})
		entered := time.Now()
		time.Sleep(time.Minute)
		b.Set("link", Update{State: Down, Reason: ReasonNoUplink})
		if c := b.Condition("link"); !c.Since.Equal(entered) {
			t.Errorf("Since moved to %v on a change of reason, want %v", c.Since, entered)
		}
		b.Set("link", Update{State: OK, Reason: ReasonConnected})
		if c := b.Condition("link"); !c.Since.Equal(time.Now()) {
			t.Errorf("Since = %v, want now", c.Since)
		}
	})
}

func TestBoardNilFactsKeepsFacts(t *testing.T) {
	b := newTestBoard()
	b.Set("link", Update{State: OK, Facts: Facts{"device": "tun0"}})
	b.Set("link", Update{State: Degraded})
	if got := b.Condition("link").Facts["device"]; got != "tun0" {
		t.Errorf("device = %v after an update without facts", got)
	}
}

func TestBoardChangedOnlyOnChange(t *testing.T) {
	b := newTestBoard()
	u := Update{State: OK, Reason: ReasonConnected, Detail: "up", Facts: Facts{"servers": []string{"10.0.0.2"}}}
	b.Set("link", u)
	u.Facts = Facts{"servers": []string{"10.0.0.2"}}
	changed := b.Changed()
	b.Set("link", u)
	select {
	case <-changed:
		t.Error("an equal update was announced as a change")
	default:
	}
	u.Detail = "up, 12 ms"
	b.Set("link", u)
	select {
	case <-changed:
	default:
		t.Error("a changed detail was not announced")
	}
}

func TestSnapshotStateIsTheWorst(t *testing.T) {
	tests := []struct {
		link, dns, broker, want State
	}{
		{OK, OK, OK, OK},
		{OK, OK, Waiting, Waiting},
		{Starting, Waiting, Waiting, Starting},
		{Degraded, Starting, Waiting, Degraded},
		{Down, Waiting, Degraded, Down},
	}
	for _, tt := range tests {
		b := newTestBoard()
		b.Set("link", Update{State: tt.link})
		b.Set("dns", Update{State: tt.dns})
		b.Set("broker", Update{State: tt.broker})
		if got := b.Snapshot().State; got != tt.want {
			t.Errorf("%s, %s, %s: whole is %s, want %s", tt.link, tt.dns, tt.broker, got, tt.want)
		}
	}
}

func TestSnapshotNamesTheFirstBrokenStage(t *testing.T) {
	b := newTestBoard()
	b.Set("link", Update{State: OK, Reason: ReasonConnected})
	b.Set("dns", Update{State: Degraded, Reason: ReasonNoAnswer, Detail: "10.0.0.2 is silent"})
	b.Set("broker", Update{State: Down, Reason: ReasonRefused})
	want := &Finding{
		Stage: "dns", Reason: ReasonNoAnswer, Title: Title("dns", ReasonNoAnswer), Detail: "10.0.0.2 is silent",
		Hint: Hint("dns", ReasonNoAnswer),
	}
	if diff := cmp.Diff(want, b.Snapshot().FixFirst); diff != "" {
		t.Errorf("fix_first (-want +got):\n%s", diff)
	}
	b.Set("dns", Update{State: Degraded, Reason: ReasonNoAnswer, Hint: "ask for 10.0.0.2"})
	if got := b.Snapshot().FixFirst.Hint; got != "ask for 10.0.0.2" {
		t.Errorf("hint = %q, want the stage's own", got)
	}
}

// The keys that scripts read (CONTRACT: schema 1).
func TestSnapshotJSONSchema1(t *testing.T) {
	b := newTestBoard()
	b.Set("link", Update{State: OK, Reason: ReasonConnected, Facts: Facts{"device": "tun0"}})
	data, err := json.Marshal(b.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"schema", "version", "device", "state", "since", "fix_first", "stages"} {
		if _, ok := got[key]; !ok {
			t.Errorf("no %q in %s", key, data)
		}
	}
	stage := got["stages"].([]any)[0].(map[string]any)
	for _, key := range []string{"name", "state", "reason", "detail", "since", "losses", "facts"} {
		if _, ok := stage[key]; !ok {
			t.Errorf("no %q in stage %v", key, stage)
		}
	}
	if got["schema"] != 1.0 || stage["name"] != "link" {
		t.Errorf("schema %v, first stage %v", got["schema"], stage["name"])
	}
}
