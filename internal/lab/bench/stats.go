package bench

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// quantile returns the value below which a share p of all lie. It sorts all.
func quantile[T ~int64 | ~float64](all []T, p float64) T {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(int(p*float64(len(all))), len(all)-1)]
}

// spread shows the smallest, the middle and the largest of some durations.
func spread(all []time.Duration) string {
	return fmt.Sprintf("median %s (%s to %s, %d times)", milli(quantile(all, 0.5)), milli(quantile(all, 0)),
		milli(quantile(all, 1)), len(all))
}

// milli is a duration in ms.
func milli(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// micro is a duration in µs.
func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// line is a straight one, y = base + slope*x.
type line struct{ base, slope float64 }

// fit finds the line with the least squares through points, which must have two
// different x.
func fit(points [][2]float64) line {
	var n, sx, sy, sxx, sxy float64
	for _, p := range points {
		n, sx, sy, sxx, sxy = n+1, sx+p[0], sy+p[1], sxx+p[0]*p[0], sxy+p[0]*p[1]
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return line{(sy - slope*sx) / n, slope}
}

// power fits y = c * x^k, a line on paper that is logarithmic both ways, and
// returns it. What is not above zero is left out.
func power(points [][2]float64) (c, k float64) {
	var logs [][2]float64
	for _, p := range points {
		if p[0] > 0 && p[1] > 0 {
			logs = append(logs, [2]float64{math.Log(p[0]), math.Log(p[1])})
		}
	}
	if len(logs) < 2 {
		return math.NaN(), math.NaN()
	}
	l := fit(logs)
	return math.Exp(l.base), l.slope
}
