package plot

import (
	"slices"
	"testing"
)

func TestTicks(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		log    bool
		want   []float64
	}{
		"round steps":             {[]float64{3, 95}, false, []float64{0, 20, 40, 60, 80, 100}},
		"flat begins at zero":     {[]float64{40, 41}, false, []float64{0, 10, 20, 30, 40, 50}},
		"below zero":              {[]float64{-4, 2}, false, []float64{-4, -3, -2, -1, 0, 1, 2}},
		"small":                   {[]float64{0.001, 0.006}, false, []float64{0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006}},
		"decades":                 {[]float64{1, 900}, true, []float64{1, 10, 100, 1000}},
		"one decade has 2 and 5":  {[]float64{3, 7}, true, []float64{1, 2, 5, 10}},
		"only zeros, logarithmic": {[]float64{0}, true, []float64{1, 2, 5, 10}},
		"nothing":                 {nil, false, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}},
	} {
		got := newAxis(c.values, c.log).ticks
		same := slices.EqualFunc(got, c.want, func(a, b float64) bool { return a-b < 1e-12 && b-a < 1e-12 })
		if !same {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.05: "0.05", 0.1 + 0.2: "0.3", 500: "500", 1000: "1000", 10_000: "10,000", 100_000: "100,000", -25_000: "-25,000", 1e9: "1e+09",
	} {
		if got := figure(v); got != want {
			t.Errorf("%v is shown as %s, want %s", v, got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for in, want := range map[string]string{"1": "1", "1234": "1,234", "123456": "123,456", "-1234567": "-1,234,567"} {
		if got := grouped(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
