package plot

import (
	"math"
	"strconv"
	"strings"
)

// tickCount is about how many ticks an axis gets.
const tickCount = 6

// axis maps values to a side of the canvas, 0 to 1.
type axis struct {
	low, high float64
	log       bool
	ticks     []float64
}

// newAxis takes in all values that can be shown. A linear axis of values that
// are not negative begins at zero: a cut axis makes a mountain of a molehill.
func newAxis(values []float64, log bool) axis {
	a := axis{low: math.Inf(1), high: math.Inf(-1), log: log}
	for _, v := range values {
		if shown(v, log) {
			a.low, a.high = min(a.low, v), max(a.high, v)
		}
	}
	switch {
	case a.low > a.high && log:
		a.low, a.high = 1, 10
	case a.low > a.high:
		a.low, a.high = 0, 1
	}
	if log {
		a.decades()
	} else {
		a.low = min(a.low, 0)
		a.linear()
	}
	return a
}

// linear widens the axis to round ticks.
func (a *axis) linear() {
	if a.low == a.high {
		a.high = a.low + 1
	}
	step := roundStep((a.high - a.low) / tickCount)
	first, last := math.Floor(a.low/step), math.Ceil(a.high/step)
	a.low, a.high = first*step, last*step
	for i := first; i <= last; i++ {
		a.ticks = append(a.ticks, i*step)
	}
}

// roundStep is the next of 1, 2, 5, 10 ... not below step.
func roundStep(step float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5} {
		if m*unit >= step*(1-1e-9) {
			return m * unit
		}
	}
	return 10 * unit
}

// decades widens the axis to powers of ten; few of them get 2 and 5 as well.
func (a *axis) decades() {
	first, last := math.Floor(math.Log10(a.low)), math.Ceil(math.Log10(a.high))
	if first == last {
		last++
	}
	between := []float64{1}
	if last-first <= 2 {
		between = []float64{1, 2, 5}
	}
	a.low, a.high = math.Pow(10, first), math.Pow(10, last)
	for d := first; d <= last; d++ {
		for _, m := range between {
			if v := m * math.Pow(10, d); v <= a.high {
				a.ticks = append(a.ticks, v)
			}
		}
	}
}

// place says where on the side a value lies.
func (a axis) place(v float64) (at float64, ok bool) {
	if !shown(v, a.log) {
		return 0, false
	}
	if a.log {
		return math.Log(v/a.low) / math.Log(a.high/a.low), true
	}
	return (v - a.low) / (a.high - a.low), true
}

// figure writes a tick for people: 10,000 and 0.05, but 1e+09.
func figure(v float64) string {
	text := strconv.FormatFloat(v, 'g', 6, 64)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && (n >= 10_000 || n <= -10_000) {
		return grouped(text)
	}
	return text
}

// grouped puts a comma before every three digits from the end.
func grouped(digits string) string {
	sign := ""
	if rest, ok := strings.CutPrefix(digits, "-"); ok {
		sign, digits = "-", rest
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
