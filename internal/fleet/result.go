package fleet

import (
	"math"
	"time"
)

// Result is what a storm came to. Times are since the path was back.
type Result struct {
	Devices, Quota int
	Outage         time.Duration
	Lost           int             // sessions that did not outlive the outage
	Refused        int             // CONNECTs over the quota
	Connects       []time.Duration // of each CONNECT that reached the endpoint, in order
	Back           []time.Duration // of each device's accepted one, in order
}

// Peak returns the most CONNECTs that came in any one second.
func (r *Result) Peak() int {
	most, first := 0, 0
	for i, at := range r.Connects {
		for at-r.Connects[first] >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// Until returns when the part of the lost sessions, in (0, 1], was back; false
// if it never was.
func (r *Result) Until(part float64) (time.Duration, bool) {
	n := int(math.Ceil(part * float64(r.Lost)))
	if n == 0 || n > len(r.Back) {
		return 0, false
	}
	return r.Back[n-1], true
}

// Optimum returns how long the quota alone makes the lost sessions take.
func (r *Result) Optimum() time.Duration {
	return time.Duration(float64(r.Lost) / float64(r.Quota) * float64(time.Second))
}

// Ratio returns the time until all are back to the optimum's, +Inf if they never are.
func (r *Result) Ratio() float64 {
	all, ok := r.Until(1)
	if !ok {
		return math.Inf(1)
	}
	return all.Seconds() / r.Optimum().Seconds()
}
