package mqtt

import "time"

// muting leaves the status topic alone for a while when the IoT policy does not
// allow it: AWS closes the connection on each message, and a device whose
// status nobody may read must still be reachable.
type muting struct {
	closes int // sessions in a row that ended on a status message
	until  time.Time
}

func (m *muting) on(now time.Time) bool { return now.Before(m.until) }

// closed takes note of a session that ended on a status message.
func (m *muting) closed(now time.Time) {
	if m.closes++; m.closes >= mutedAfter {
		m.until = now.Add(mutedFor)
	}
}

// taken takes note of a status message that the broker took.
func (m *muting) taken() { *m = muting{} }
