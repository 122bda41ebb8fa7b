package faults

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Red says what is wrong with the result, nothing if all is as it must be.
func (r Result) Red() []string {
	var red []string
	note := func(bad bool, format string, args ...any) {
		if bad {
			red = append(red, fmt.Sprintf(format, args...))
		}
	}
	if r.Err != nil {
		red = append(red, oneLine(r.Err.Error()))
	}
	ruled := r.World != ""
	note(!ruled && r.Detected > DetectBound, "named after %s, bound %s", seconds(r.Detected), seconds(DetectBound))
	note(!ruled && r.Recovered > r.backBound(), "back after %s, bound %s", seconds(r.Recovered), seconds(r.backBound()))
	note(r.Lost > 0, "%d of %d messages lost", r.Lost, r.Sent)
	note(r.Trap > 0, "%d packets left in the open", r.Trap)
	note(len(r.Leaks) > 0, "left over: %s", strings.Join(r.Leaks, "; "))
	return red
}

// backBound is RecoverBound after a fault was lifted. One that nobody lifts has to
// be found and mended by the agent, and the time counts from the fault itself.
func (r Result) backBound() time.Duration {
	if r.Lift == nil {
		return DetectBound + RecoverBound
	}
	return RecoverBound
}

// Summary is what all rows together come to.
type Summary struct {
	Rows, Red, LeftOut int
	Sent, Lost         int
	Duplicated, Trap   int
	Leaking            int // rows with leaks
	// Medians and maxima; the bounded are those that no timer of the world's rules,
	// of the recoveries those after a repair.
	DetectedMedian, DetectedMax, DetectedBoundedMax    time.Duration
	RecoveredMedian, RecoveredMax, RecoveredBoundedMax time.Duration
}

// Summarize counts over all rows. A row that named nothing counts for neither
// time.
func Summarize(results []Result) Summary {
	var s Summary
	var detected, recovered []time.Duration
	for _, r := range results {
		if r.LeftOut != "" {
			s.LeftOut++
			continue
		}
		s.Rows++
		s.Sent, s.Lost, s.Duplicated, s.Trap = s.Sent+r.Sent, s.Lost+r.Lost, s.Duplicated+r.Duplicated, s.Trap+r.Trap
		if len(r.Red()) > 0 {
			s.Red++
		}
		if len(r.Leaks) > 0 {
			s.Leaking++
		}
		if r.Err != nil || len(r.Want) == 0 {
			continue
		}
		detected, recovered = append(detected, r.Detected), append(recovered, r.Recovered)
		if r.World == "" {
			s.DetectedBoundedMax = max(s.DetectedBoundedMax, r.Detected)
			if r.Lift != nil {
				s.RecoveredBoundedMax = max(s.RecoveredBoundedMax, r.Recovered)
			}
		}
	}
	s.DetectedMedian, s.DetectedMax = spread(detected)
	s.RecoveredMedian, s.RecoveredMax = spread(recovered)
	return s
}

// spread returns the middle and the largest, zeros for none.
func spread(all []time.Duration) (median, largest time.Duration) {
	if len(all) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2], sorted[len(sorted)-1]
}
