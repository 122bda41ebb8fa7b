package mqtt

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"
)

// turn is a device's place in its fleet: one moment in each window of the wall
// clock at which it connects after the whole path was gone. Nobody hands the
// places out. Every device computes its own from its client id, and a window is
// so long that the fleet's places are as far apart as the account's quota asks.
//
// The wall clock is what devices share without talking. Counted from when each
// sees its own path come back, places that are evenly spaced would be random
// again by the time they are used; and a path that comes and goes would let a
// device connect each time. A device whose clock is wrong is merely at another place.
type turn struct {
	window time.Duration // zero: there is no fleet to consider
	offset time.Duration // within the window
}

// newTurn returns the place of clientID in a fleet of so many devices.
func newTurn(clientID string, fleet int) turn {
	window := time.Duration(float64(fleet) / turnRate * float64(time.Second))
	return turn{window: window, offset: time.Duration(place(clientID) * float64(window))}
}

// place spreads client ids over [0, 1). Ids that end in a number are spaced by
// the golden ratio: any run of such numbers is even (the three-gap theorem), in
// whatever part of the fleet it is used. What stands before the number, or the whole
// id if there is none, decides where that begins, by a hash: no better than chance.
func place(clientID string) float64 {
	name := strings.TrimRight(clientID, "0123456789")
	sum := sha256.Sum256([]byte(name))
	begin := float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
	number, err := strconv.ParseUint(clientID[len(name):], 10, 32)
	if err != nil { // none, or a serial number so long that no run of them is in one fleet
		sum = sha256.Sum256([]byte(clientID))
		return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
	}
	_, place := math.Modf(begin + float64(number)*(math.Phi-1))
	return place
}

// next returns the first moment of this place that is not before now.
func (t turn) next(now time.Time) time.Time {
	into := time.Duration(now.UnixNano() % int64(t.window)) // of the window
	wait := t.offset - into
	if wait < 0 {
		wait += t.window
	}
	return now.Add(wait)
}
