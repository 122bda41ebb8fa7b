package fleet

import (
	"math"
	"sort"
	"strings"
	"time"

	"edgeagent/internal/plot"
)

// Picture is one of the report's, as SVG.
type Picture struct {
	File, Title string
	SVG         []byte
}

// PictureFiles draws the runs of one outage; none if it has cost next to no session.
func PictureFiles(runs []Run) []Picture {
	most, name := 0, Name(runs[0].Outage)
	for _, r := range runs {
		most = max(most, r.Lost)
	}
	if most*10 < runs[0].Devices {
		return nil
	}
	file := strings.ReplaceAll(name, " ", "")
	connects := plot.Plot{Title: "CONNECTs a second after " + name, X: "time since the path is back (s)", Y: "CONNECT/s", LogX: true, LogY: true}
	back := plot.Plot{Title: "Sessions back after " + name, X: "time since the path is back (s)", Y: "sessions back (%)", LogX: true}
	for _, r := range runs {
		if r.Kind == serials {
			continue // its line would hide the one of the numbered devices
		}
		connects.Series = append(connects.Series, plot.Series{Name: r.Kind, Points: r.rates(), Steps: true})
		back.Series = append(back.Series, plot.Series{Name: r.Kind, Points: r.returned(), Steps: true})
	}
	quota := float64(runs[0].Quota)
	connects.Series = append(connects.Series, plot.Series{Name: "quota", Points: [][2]float64{{1, quota}, {lastSecond(runs), quota}}})
	return []Picture{
		{"connects-" + file + ".svg", connects.Title, connects.SVG()},
		{"back-" + file + ".svg", back.Title, back.SVG()},
	}
}

// lastSecond is when the last device of any run was back.
func lastSecond(runs []Run) float64 {
	last := 1.0
	for _, r := range runs {
		if all, ok := r.Until(1); ok {
			last = max(last, all.Seconds())
		}
	}
	return last
}

// pictureStep is the width of a step on the logarithmic axis: about a hundred of
// them in all.
const pictureStep = 1.06

// rates are the CONNECTs a second over time: of each step, its busiest second.
func (r *Result) rates() [][2]float64 {
	second := map[int]int{}
	last := 1
	for _, at := range r.Connects {
		s := max(1, int(math.Ceil(at.Seconds())))
		second[s]++
		last = max(last, s)
	}
	var points [][2]float64
	for from := 1; from <= last; {
		to, most := max(from+1, int(float64(from)*pictureStep)), 0
		for s := from; s < to; s++ {
			most = max(most, second[s])
		}
		points = append(points, [2]float64{float64(from), max(float64(most), 0.5)})
		from = to
	}
	return append(points, [2]float64{float64(last + 1), 0.5})
}

// returned is the part of the lost sessions that is back over time, in percent.
func (r *Result) returned() [][2]float64 {
	var points [][2]float64
	if r.Lost == 0 {
		return nil
	}
	for at := 1.0; ; at *= pictureStep {
		n := sort.Search(len(r.Back), func(i int) bool { return r.Back[i] > time.Duration(at*float64(time.Second)) })
		points = append(points, [2]float64{at, 100 * float64(n) / float64(r.Lost)})
		if n == len(r.Back) {
			return points
		}
	}
}
