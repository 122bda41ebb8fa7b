package soak

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/lab/faults"
	"edgeagent/internal/status"
)

// snapshot is a path on which all is well, with one thing changed.
func snapshot(change func(stages map[string]*status.Condition)) status.Snapshot {
	stages := map[string]*status.Condition{}
	order := []string{"link", "dns", "endpoint", "broker", "tunnel"}
	for _, name := range order {
		stages[name] = &status.Condition{Stage: name, State: status.OK, Facts: status.Facts{}}
	}
	stages["link"].Facts = status.Facts{"link": "vpn", "links": []any{
		map[string]any{"name": "vpn"}, map[string]any{"name": "canal", "reason": "standby", "device": "ppp0"},
	}}
	change(stages)
	var s status.Snapshot
	for _, name := range order {
		s.Stages = append(s.Stages, *stages[name])
	}
	return s
}

func TestWell(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(map[string]*status.Condition)
		well, whole string // why not; "": it is
	}{
		"all ok": {func(map[string]*status.Condition) {}, "", ""},
		"gone over to the SIM": {func(s map[string]*status.Condition) {
			s["link"].State, s["link"].Reason, s["link"].Facts["link"] = status.Degraded, status.ReasonFailover, "canal"
		}, "", "canal carries"},
		"the SIM is gone": {func(s map[string]*status.Condition) {
			s["link"].Facts["links"] = []any{map[string]any{"name": "canal", "reason": "interface-missing", "device": ""}}
		}, "", "does not stand by"},
		"a notification was refused": {func(s map[string]*status.Condition) { s["tunnel"].State = status.Degraded }, "", ""},
		"a resolver in doubt": {func(s map[string]*status.Condition) {
			s["dns"].State, s["dns"].Reason = status.Degraded, status.ReasonNoAnswer
		}, "dns is degraded", "dns is degraded"},
		"the broker is down": {func(s map[string]*status.Condition) { s["broker"].State = status.Down }, "broker is down", "broker is down"},
		"a tunnel left":      {func(s map[string]*status.Condition) { s["tunnel"].Facts["open"] = []any{1} }, "", "1 tunnels"},
	} {
		s := snapshot(c.change)
		for what, why := range map[string]struct {
			err  error
			want string
		}{"well": {well(s), c.well}, "whole": {whole(s), c.whole}} {
			if (why.err == nil) != (why.want == "") || why.err != nil && !strings.Contains(why.err.Error(), why.want) {
				t.Errorf("%s: %s: %v, want %q", name, what, why.err, why.want)
			}
		}
	}
	if well(status.Snapshot{}) == nil {
		t.Error("a daemon without stages is well")
	}
}

// TestBound: only the world's own timers are waited for longer, and what the agent
// takes for another device that it has met.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(soak)
		ours, worlds := step{}, step{row: faults.Row{World: "a timer"}}
		rival := step{row: faults.Row{Want: []faults.Want{{Stage: "broker", Reason: status.ReasonTakenOver}}}}
		bound := func(want time.Duration, steps ...step) {
			t.Helper()
			r := round{steps: steps}
			s.meet(r)
			if got := s.bound(r); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		bound(wellBound, ours, ours)
		bound(worldBound, ours, worlds)
		bound(worldBound, rival)
		time.Sleep(suspects - time.Second)
		bound(worldBound, ours)
		time.Sleep(time.Second)
		bound(wellBound, ours)
	})
}
