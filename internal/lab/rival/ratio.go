package rival

import (
	"cmp"
	"slices"
	"time"
)

// median returns the middle one, the upper of two, 0 of none.
func median[T cmp.Ordered](all []T) T {
	var none T
	if len(all) == 0 {
		return none
	}
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// recovered returns the median recovery of some samples.
func recovered(samples []Sample) time.Duration {
	var all []time.Duration
	for _, s := range samples {
		all = append(all, s.Recovered)
	}
	return median(all)
}

// Ratio is how many times longer the articles' stack took to come back, by the
// medians. What is shorter than the observer's step counts as one step. It is 0 if
// a stack has no sample.
func (r Row) Ratio() float64 {
	if len(r.Agent) == 0 || len(r.Rival) == 0 {
		return 0
	}
	return max(recovered(r.Rival), publishEvery).Seconds() / max(recovered(r.Agent), publishEvery).Seconds()
}

// Ratio is the median of the rows' ratios, those included in which neither stack
// was lost.
func (r Result) Ratio() float64 {
	var all []float64
	for _, row := range r.Rows {
		if ratio := row.Ratio(); ratio > 0 {
			all = append(all, ratio)
		}
	}
	return median(all)
}

// knew returns the median time until a stack knew; ok is false if it did not in
// most rounds.
func knew(samples []Sample) (d time.Duration, ok bool) {
	var all []time.Duration
	for _, s := range samples {
		if s.Noticed >= 0 {
			all = append(all, s.Noticed)
		}
	}
	return median(all), 2*len(all) > len(samples)
}

// NoticedRatio is how many times longer the articles' stack took to know of a
// fault, in the median of those that both stacks notice.
func (r Result) NoticedRatio() float64 {
	var all []float64
	for _, row := range r.Rows {
		ours, ok := knew(row.Agent)
		theirs, both := knew(row.Rival)
		if ok && both {
			all = append(all, max(theirs, publishEvery).Seconds()/max(ours, publishEvery).Seconds())
		}
	}
	return median(all)
}

// Unnoticed is how many faults a stack never knew of: the agent, the articles'.
func (r Result) Unnoticed() [2]int {
	var n [2]int
	for _, row := range r.Rows {
		for i, samples := range [][]Sample{row.Agent, row.Rival} {
			if _, ok := knew(samples); !ok && len(samples) > 0 {
				n[i]++
			}
		}
	}
	return n
}
