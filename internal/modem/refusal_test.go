package modem

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// What a modem says that no reset mends, on the real interface.
func TestModemRefuses(t *testing.T) {
	tests := map[string]struct {
		change map[string]any
		three  uint32
		want   status.Reason
		detail string
	}{
		"connected":            {nil, 1, "", ""},
		"searching":            {map[string]any{"State": int32(7)}, 2, "", ""},
		"PIN2 does not matter": {map[string]any{"State": int32(8), "UnlockRequired": uint32(3)}, 1, "", ""},
		"wants its PIN":        {map[string]any{"State": int32(2), "UnlockRequired": uint32(2)}, 0, status.ReasonSIMLocked, "wants its PIN (sim-pin)"},
		"wants its PUK":        {map[string]any{"State": int32(2), "UnlockRequired": uint32(4)}, 0, status.ReasonSIMLocked, "wants its PUK (sim-puk)"},
		"locked to a network":  {map[string]any{"State": int32(2), "UnlockRequired": uint32(9)}, 0, status.ReasonSIMLocked, "(ph-net-puk)"},
		"no SIM":               {map[string]any{"State": int32(-1), "StateFailedReason": uint32(2)}, 0, status.ReasonSIMMissing, "no SIM in SIMCOM"},
		"bad SIM":              {map[string]any{"State": int32(-1), "StateFailedReason": uint32(3)}, 0, status.ReasonSIMMissing, "cannot be used"},
		"empty eSIM":           {map[string]any{"State": int32(-1), "StateFailedReason": uint32(5)}, 0, status.ReasonSIMMissing, "no profile"},
		"failed otherwise":     {map[string]any{"State": int32(-1), "StateFailedReason": uint32(1)}, 0, "", ""},
		"not admitted":         {map[string]any{"State": int32(6)}, 3, status.ReasonRegistrationDenied, "denies SIMCOM"},
	}
	r := newRig(t)
	r.modemManager()
	r.bearer(nil)
	rescue := r.rescue(wwan)
	for name, tt := range tests {
		r.modem("0", tt.change)
		r.set(mmService, mmPath+"/Modem/0", mm3GPP, "RegistrationState", tt.three)
		reason, detail, _, ok := rescue.Permanent(within(t))
		if reason != tt.want || ok != (tt.want != "") || !strings.Contains(detail, tt.detail) {
			t.Errorf("%s: %q, %q, %v", name, reason, detail, ok)
		}
		r.unplug("0")
	}
}

// Each reason for which nothing is reset has words for the screen.
func TestRefusalsHaveHints(t *testing.T) {
	for number, reason := range nmRefusals {
		if status.Hint("link", reason) == "" || deviceReasons[number] == "" {
			t.Errorf("%d: %s has no words", number, reason)
		}
	}
	for _, reason := range []status.Reason{status.ReasonConnectionMissing, status.ReasonUnitMissing} {
		if status.Hint("link", reason) == "" {
			t.Errorf("%s has no words", reason)
		}
	}
}

// After a wrong APN the network is asked again twice an hour, not for ever, and
// not never: somebody may have put it right.
func TestDialRefusalEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Rescue{refused: &refusal{reason: status.ReasonAPNRefused, at: time.Now()}}
		time.Sleep(refusalHolds - time.Second)
		if r.dialRefusal() == nil {
			t.Error("forgotten early")
		}
		time.Sleep(time.Second)
		if r.dialRefusal() != nil {
			t.Error("still held")
		}
	})
}

func TestRefusedBearer(t *testing.T) {
	const prefix = "org.freedesktop.ModemManager1.Error.MobileEquipment."
	tests := []struct {
		bearer
		want bool
	}{
		{bearer{errorName: prefix + "MissingOrUnknownApn"}, true},
		{bearer{errorName: prefix + "GprsMissingOrUnknownApn"}, true},
		{bearer{errorName: prefix + "UserAuthenticationFailed"}, true},
		{bearer{errorName: prefix + "ServiceOptionNotSubscribed"}, true},
		{bearer{errorName: prefix + "MissingOrUnknownApn", connected: true}, false},
		{bearer{errorName: prefix + "NetworkFailureActivation"}, false},
		{bearer{errorName: prefix + "ServiceOptionOutOfOrder"}, false},
		{bearer{}, false},
	}
	for _, tt := range tests {
		if _, got := (modem{bearers: []bearer{tt.bearer}}).refusedBearer(); got != tt.want {
			t.Errorf("%+v: %v", tt.bearer, got)
		}
	}
}
