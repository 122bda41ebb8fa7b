package arm

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestNTPTime(t *testing.T) {
	for _, test := range []struct {
		at   time.Time
		want uint64
	}{
		{ntpEpoch, 0},
		{time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), 2208988800 << 32}, // RFC 868
		{time.Date(1970, 1, 1, 0, 0, 0, 250_000_000, time.UTC), 2208988800<<32 | 1<<30},
	} {
		if got := ntpTime(test.at); got != test.want {
			t.Errorf("%s is %d, want %d", test.at, got, test.want)
		}
	}
}

// TestNTPReply holds a reply to what a client checks before it believes one.
func TestNTPReply(t *testing.T) {
	request := make([]byte, ntpPacket)
	request[0] = 4<<3 | 3 // version 4, client
	copy(request[40:], "when sent")
	now := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
	r := ntpReply(request, now)
	if len(r) != ntpPacket || r[0] != 4<<3|4 {
		t.Fatalf("%d bytes which begin with %#x: no server's reply", len(r), r[0])
	}
	if r[1] == 0 || r[1] > 15 {
		t.Errorf("stratum %d", r[1])
	}
	if string(r[24:32]) != "when sen" {
		t.Errorf("origin %q is not the request's time of sending", r[24:32])
	}
	for name, at := range map[string]int{"receive": 32, "transmit": 40} {
		if got := binary.BigEndian.Uint64(r[at:]); got != ntpTime(now) {
			t.Errorf("%s time %d, want %d", name, got, ntpTime(now))
		}
	}
}
