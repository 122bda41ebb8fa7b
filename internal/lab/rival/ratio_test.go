package rival

import (
	"testing"
	"time"
)

// samples returns rounds that took so long to come back.
func samples(recovered ...time.Duration) []Sample {
	var all []Sample
	for _, d := range recovered {
		all = append(all, Sample{Recovered: d, Noticed: -1})
	}
	return all
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		all  []int
		want int
	}{{nil, 0}, {[]int{7}, 7}, {[]int{9, 1}, 9}, {[]int{9, 1, 4}, 4}} {
		if got := median(tt.all); got != tt.want {
			t.Errorf("median of %v is %d, want %d", tt.all, got, tt.want)
		}
	}
}

func TestRowRatio(t *testing.T) {
	const s = time.Second
	for name, tt := range map[string]struct {
		agent, rival []Sample
		want         float64
	}{
		"faster":                         {samples(1*s, 9*s, 2*s), samples(20*s, 6*s, 5*s), 3},
		"slower":                         {samples(4 * s), samples(1 * s), 0.25},
		"both below the observer's step": {samples(time.Millisecond), samples(150 * time.Millisecond), 1},
		"never back":                     {samples(3 * s), samples(Limit), 100},
		"no sample of one":               {nil, samples(s), 0},
	} {
		if got := (Row{Agent: tt.agent, Rival: tt.rival}).Ratio(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestNoticedRatio(t *testing.T) {
	knew := func(all ...time.Duration) (samples []Sample) {
		for _, d := range all {
			samples = append(samples, Sample{Noticed: d})
		}
		return samples
	}
	r := Result{Rows: []Row{
		{Agent: knew(10*s, -1, 12*s), Rival: knew(24*s, 24*s, 24*s)},
		{Agent: knew(0), Rival: knew(100 * time.Millisecond)}, // below the observer's step
		{Agent: knew(s), Rival: knew(-1, -1, 9*s)},            // once is not notice
		{Agent: knew(2 * s), Rival: knew(10 * s)},
	}}
	if got := r.NoticedRatio(); got != 2 {
		t.Errorf("the ratio is %v, want 2", got)
	}
	if got := r.Unnoticed(); got != [2]int{0, 1} {
		t.Errorf("unnoticed are %v", got)
	}
}

func TestResultRatioCountsEveryRow(t *testing.T) {
	const s = time.Second
	r := Result{Rows: []Row{
		{Agent: samples(s), Rival: samples(10 * s)},
		{Agent: samples(0), Rival: samples(0)}, // neither was lost: still a row
		{Agent: samples(s), Rival: samples(2 * s)},
		{Rival: samples(s)}, // the agent's rounds failed: no ratio
	}}
	if got := r.Ratio(); got != 2 {
		t.Errorf("the median ratio is %v, want 2", got)
	}
	if slower := r.Slower(); len(slower) != 1 || slower[0].Agent[0].Recovered != 0 {
		t.Errorf("the rows that are not faster: %+v", slower)
	}
}
