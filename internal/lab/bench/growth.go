package bench

import (
	"fmt"
	"math"

	"edgeagent/internal/plot"
)

// What "flat" means: on paper that is logarithmic both ways the cost of one
// item, over the last decade of the growth, may rise by this much at most. Equal
// cost has the slope 0, cost that grows with the number of items 1.
const flatSlope = 0.25

// curve is the cost of one item as their number grows.
type curve struct {
	name, unit string
	points     [][2]float64 // number of items, cost of one
}

// tail are the points of the last decade: where few items are, what is there
// without any hides what one costs.
func (c curve) tail() [][2]float64 {
	if len(c.points) == 0 {
		return nil
	}
	last := c.points[len(c.points)-1][0]
	var out [][2]float64
	for _, p := range c.points {
		if p[0] >= last/10 {
			out = append(out, p)
		}
	}
	return out
}

// figure judges whether the curve is flat.
func (c curve) figure(why string) figure {
	_, slope := power(c.tail())
	last := c.points[len(c.points)-1]
	return figure{
		name:     c.name,
		asked:    fmt.Sprintf("flat (slope at most %.2f)", flatSlope),
		measured: fmt.Sprintf("slope %+.2f; %.3g %s at %s", slope, last[1], c.unit, count(last[0])),
		red:      !(slope <= flatSlope),
		why:      why,
	}
}

// series are the measured points and the fitted line through the tail.
func (c curve) series() []plot.Series {
	k, slope := power(c.tail())
	fitted := plot.Series{Name: fmt.Sprintf("fitted, slope %+.2f", slope)}
	for _, p := range c.tail() {
		fitted.Points = append(fitted.Points, [2]float64{p[0], k * math.Pow(p[0], slope)})
	}
	return []plot.Series{{Name: c.name, Points: c.points, Dots: true}, fitted}
}

// growth puts curves with the same unit into one plot.
func growth(title, items string, curves ...curve) plot.Plot {
	p := plot.Plot{Title: title, X: items, Y: curves[0].unit, LogX: true, LogY: true}
	for _, c := range curves {
		p.Series = append(p.Series, c.series()...)
	}
	return p
}

// pointsTable shows all that was measured; the curves have the same numbers of items.
func pointsTable(items string, curves ...curve) string {
	rows := [][]string{{items}}
	for _, c := range curves {
		rows[0] = append(rows[0], c.name+" ("+c.unit+")")
	}
	for i, p := range curves[0].points {
		row := []string{count(p[0])}
		for _, c := range curves {
			row = append(row, fmt.Sprintf("%.3g", c.points[i][1]))
		}
		rows = append(rows, row)
	}
	return table(rows)
}

// count is a number of items.
func count(n float64) string { return fmt.Sprintf("%.0f", n) }
