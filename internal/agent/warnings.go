package agent

import (
	"context"
	"fmt"
	"time"

	"edgeagent/internal/power"
	"edgeagent/internal/status"
)

// How often it is looked whether something will bite, and from when on it does.
// At one look a minute the daemon's idle budget does not notice it.
const (
	warnEvery = time.Minute
	certSoon  = 30 * 24 * time.Hour // a month for whoever issues certificates
)

// watchSurroundings publishes the warnings that hold, each minute, until ctx
// ends. What holds no more is gone with the next look. Whether the clock is
// synchronised is asked by the client: the unit's ProtectClock= forbids it here.
func watchSurroundings(ctx context.Context, board *status.Board, supply func() power.Reading) {
	tick := time.NewTicker(warnEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			board.SetWarnings(warnings(board.Snapshot(), supply()))
		case <-ctx.Done():
			return
		}
	}
}

// warnings is a pure function of what the stages and the sensors say.
func warnings(s status.Snapshot, supply power.Reading) []status.Warning {
	var all []status.Warning
	add := func(id status.WarningID, detail string) { all = append(all, status.NewWarning(id, detail)) }
	link, _ := s.Stage("link")
	broker, _ := s.Stage("broker")
	if end, soon := endsSoon(link, s.Now); soon {
		name, _ := link.Facts["link"].(string)
		add(status.WarnVPNCert, name+" until "+end)
	}
	if end, soon := endsSoon(broker, s.Now); soon {
		add(status.WarnIoTCert, "until "+end)
	}
	if cost, ok := link.Facts.Number("ping_mb_a_day"); ok && link.State.Usable() {
		add(status.WarnChattyPing, fmt.Sprintf("%.1f MB a day", cost))
	}
	if supply.UnderVoltage {
		add(status.WarnVoltage, "")
	} else if supply.Sagged {
		add(status.WarnVoltagePast, "")
	}
	if leaking(s) {
		add(status.WarnLeak, "")
	}
	return all
}

// endsSoon reads the end of the certificate that a stage works with. An expired
// one is the stage's own fault to report.
func endsSoon(c status.Condition, now time.Time) (end string, soon bool) {
	text, _ := c.Facts["cert_expires"].(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || now.After(t) || t.Sub(now) > certSoon {
		return "", false
	}
	return t.UTC().Format(time.DateOnly), true
}

// leaking is what the dns and the endpoint stage say of other programs.
func leaking(s status.Snapshot) bool {
	for _, c := range s.Stages {
		if c.Reason == status.ReasonHostTrampled || c.Reason == status.ReasonLeak {
			return true
		}
	}
	return false
}
