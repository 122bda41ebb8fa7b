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
