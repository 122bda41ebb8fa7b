package bench

import (
	"math"
	"testing"
)

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		figure figure
		want   string
	}{
		"at the limit":      {atMost("a", 15, 15, "%.1f MB", "x"), "| a | at most 15.0 MB | 15.0 MB | ok |"},
		"above it":          {atMost("a", 15.2, 15, "%.1f MB", "the reason"), "| a | at most 15.0 MB | 15.2 MB | **red**: the reason |"},
		"without a reason":  {atMost("a", 16, 15, "%.0f MB", ""), "| a | at most 15 MB | 16 MB | **red**: the reason is not known yet |"},
		"below a least":     {atLeast("a", 2.9, 3, "%.1f", "slow"), "| a | at least 3.0 | 2.9 | **red**: slow |"},
		"above a least":     {atLeast("a", 3, 3, "%.1f", "slow"), "| a | at least 3.0 | 3.0 | ok |"},
		"nothing asked":     {shown("a", "%d", 7), "| a | – | 7 |  |"},
		"not a number":      {atMost("a", math.NaN(), 15, "%.0f", "not measured"), "| a | at most 15 | NaN | **red**: not measured |"},
		"a cell stays one":  {shown("a|b", "c\nd"), `| a\|b | – | c d |  |`},
		"least and nothing": {atLeast("a", math.NaN(), 1, "%.0f", ""), "| a | at least 1 | NaN | **red**: the reason is not known yet |"},
	} {
		if got := c.figure.line(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A curve is judged by its last decade: what is there without any item hides the
// cost of the first few.
func TestFlatness(t *testing.T) {
	counts := []float64{1, 10, 100, 300, 1000}
	for name, c := range map[string]struct {
		cost func(n float64) float64
		red  bool
	}{
		"each costs the same":           {func(n float64) float64 { return 40 }, false},
		"a fixed cost that is shared":   {func(n float64) float64 { return 1e6/n + 3 }, false},
		"each costs more than the last": {func(n float64) float64 { return n / 10 }, true},
		"flat at first":                 {func(n float64) float64 { return 1 + math.Pow(n/100, 2) }, true},
		"by the root":                   {math.Sqrt, true},
		"a little":                      {func(n float64) float64 { return math.Pow(n, 0.2) }, false},
	} {
		line := curve{name: name, unit: "µs"}
		for _, n := range counts {
			line.points = append(line.points, [2]float64{n, c.cost(n)})
		}
		if got := line.figure("grows"); got.red != c.red {
			t.Errorf("%s: %s, want red %v", name, got, c.red)
		}
	}
}

func TestQuantile(t *testing.T) {
	all := []float64{5, 1, 4, 2, 3}
	for p, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(all, p); got != want {
			t.Errorf("%v: %v, want %v", p, got, want)
		}
	}
	if got := quantile([]float64(nil), 0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestPowerFindsTheExponent(t *testing.T) {
	var points [][2]float64
	for _, n := range []float64{1, 3, 10, 30} {
		points = append(points, [2]float64{n, 7 * math.Pow(n, 1.5)})
	}
	points = append(points, [2]float64{100, 0}) // left out: it has no logarithm
	c, k := power(points)
	if math.Abs(c-7) > 1e-9 || math.Abs(k-1.5) > 1e-9 {
		t.Errorf("%v * x^%v, want 7 * x^1.5", c, k)
	}
	if _, k := power(points[:1]); !math.IsNaN(k) {
		t.Errorf("one point has the slope %v", k)
	}
}

func TestFloor(t *testing.T) {
	// 76 bytes each way and 52 for the last ACK, 375.65 times a day.
	if keepAliveBytes != 204 {
		t.Errorf("a keepalive has %d bytes", keepAliveBytes)
	}
	if got := kilobytes(floorPerDay()); got != "77 kB" {
		t.Errorf("the floor is %s a day", got)
	}
}
