package faults

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// Lines as mosquitto 2.0 writes them.
func sending(again, mid, length int) string {
	return fmt.Sprintf("1700000000: Sending PUBLISH to gw-042 (d%d, q1, r0, m%d, '$aws/things/gw-042/tunnels/notify', ... (%d bytes))\n", again, mid, length)
}

func acked(mid int) string {
	return fmt.Sprintf("1700000000: Received PUBACK from gw-042 (Mid: %d, RC:0)\n", mid)
}

func TestLedger(t *testing.T) {
	const zero, one, two = firstLength, firstLength + 1, firstLength + 2
	for name, c := range map[string]struct {
		log                string
		missing            []int
		delivered, repeats int
	}{
		"all taken":             {sending(0, 1, zero) + acked(1) + sending(0, 2, one) + acked(2) + sending(0, 3, two) + acked(3), nil, 3, 0},
		"one not acknowledged":  {sending(0, 1, zero) + acked(1) + sending(0, 2, one) + sending(0, 3, two) + acked(3), []int{1}, 2, 0},
		"one never sent":        {sending(0, 1, zero) + acked(1) + sending(0, 2, two) + acked(2), []int{1}, 2, 0},
		"one repeated":          {sending(0, 1, zero) + sending(1, 1, zero) + acked(1) + sending(0, 2, one) + acked(2) + sending(0, 3, two) + acked(3), nil, 3, 1},
		"identifiers anew":      {sending(0, 1, zero) + acked(1) + sending(0, 1, one) + acked(1) + sending(0, 1, two), []int{2}, 2, 0},
		"restored, other words": {sending(0, 1, zero) + sending(1, 1, one) + acked(1), []int{0, 2}, 1, 0},
		"taken twice":           {sending(0, 1, zero) + acked(1) + sending(0, 2, zero) + acked(2), []int{1, 2}, 2, 0},
		"a tunnel's":            {sending(0, 1, 130) + acked(1), []int{0, 1, 2}, 0, 0},
		"another client's":      {strings.ReplaceAll(sending(0, 1, zero)+acked(1), "gw-042 (", "gw-043 ("), []int{0, 1, 2}, 0, 0},
		"nothing":               {"", []int{0, 1, 2}, 0, 0},
	} {
		l, err := readLedger(strings.NewReader(c.log))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.missing(3); !slices.Equal(got, c.missing) {
			t.Errorf("%s: %v are missing, want %v", name, got, c.missing)
		}
		if got := l.acknowledged(); got != c.delivered {
			t.Errorf("%s: %d delivered, want %d", name, got, c.delivered)
		}
		if got := l.repeated(); got != c.repeats {
			t.Errorf("%s: %d repeated, want %d", name, got, c.repeats)
		}
	}
}

func FuzzReadLedger(f *testing.F) {
	f.Add(sending(0, 1, firstLength) + acked(1))
	f.Add(sending(1, 65535, math.MaxInt32) + acked(65535))
	f.Fuzz(func(t *testing.T, log string) {
		l, err := readLedger(strings.NewReader(log))
		if err == nil && len(l.deliveries) > strings.Count(log, "\n")+1 {
			t.Errorf("%d deliveries of fewer lines", len(l.deliveries))
		}
	})
}
