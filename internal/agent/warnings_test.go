package agent

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgeagent/internal/power"
	"edgeagent/internal/status"
)

func TestWarnings(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	in := func(days int) string { return now.Add(time.Duration(days) * 24 * time.Hour).Format(time.RFC3339) }
	stage := func(name string, reason status.Reason, f status.Facts) status.Condition {
		return status.Condition{Stage: name, Reason: reason, Facts: f}
	}
	for _, tc := range []struct {
		name   string
		stages []status.Condition
		supply power.Reading
		want   []status.Warning
	}{
		{name: "all well", stages: []status.Condition{stage("link", "connected", status.Facts{"cert_expires": in(31), "ping_s": 1})}},
		{name: "VPN certificate", stages: []status.Condition{stage("link", "connected", status.Facts{"link": "vpn", "cert_expires": in(29)})},
			want: []status.Warning{status.NewWarning(status.WarnVPNCert, "vpn until 2026-12-20")}},
		{name: "IoT certificate", stages: []status.Condition{stage("broker", "connected", status.Facts{"cert_expires": in(1)})},
			want: []status.Warning{status.NewWarning(status.WarnIoTCert, "until 2026-11-22")}},
		{name: "expired is no warning any more", stages: []status.Condition{stage("broker", "cert-expired", status.Facts{"cert_expires": in(-1)})}},
		{name: "not a date", stages: []status.Condition{stage("broker", "connected", status.Facts{"cert_expires": "soon"})}},
		{name: "ping on a metered link", stages: []status.Condition{{Stage: "link", State: status.OK, Facts: status.Facts{"ping_mb_a_day": 11.75}}},
			want: []status.Warning{status.NewWarning(status.WarnChattyPing, "11.8 MB a day")}},
		{name: "ping of a lost link", stages: []status.Condition{{Stage: "link", State: status.Down, Facts: status.Facts{"ping_mb_a_day": 11.75}}}},
		{name: "under-voltage", supply: power.Reading{UnderVoltage: true, Sagged: true},
			want: []status.Warning{status.NewWarning(status.WarnVoltage, "")}},
		{name: "under-voltage before", supply: power.Reading{Sagged: true},
			want: []status.Warning{status.NewWarning(status.WarnVoltagePast, "")}},
		{name: "leak", stages: []status.Condition{stage("endpoint", status.ReasonLeak, nil)},
			want: []status.Warning{status.NewWarning(status.WarnLeak, "")}},
		{name: "trampled", stages: []status.Condition{stage("dns", status.ReasonHostTrampled, nil)},
			want: []status.Warning{status.NewWarning(status.WarnLeak, "")}},
	} {
		if diff := cmp.Diff(tc.want, warnings(status.Snapshot{Now: now, Stages: tc.stages}, tc.supply)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// A warning comes within a minute and clears itself within another.
func TestWarningsClearThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		board := status.NewBoard("gw", "test", "link")
		var sagged atomic.Bool
		go watchSurroundings(ctx, board, func() power.Reading { return power.Reading{Sagged: sagged.Load()} })
		for _, tc := range []struct {
			sagged bool
			want   int
		}{{true, 1}, {false, 0}, {true, 1}} {
			synctest.Wait()
			sagged.Store(tc.sagged)
			time.Sleep(warnEvery)
			synctest.Wait()
			if got := board.Snapshot().Warnings; len(got) != tc.want {
				t.Errorf("sagged %v: %+v", tc.sagged, got)
			}
		}
		stop()
	})
}
