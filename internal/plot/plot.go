// Package plot draws series of figures as one SVG picture with axes, for pages
// that are written by programs. A picture stands alone: no font, script or
// other file is fetched, and it is readable on light and on dark screens.
package plot

import (
	"fmt"
	"math"
	"strings"
)

// Plot is one picture. X and Y name the axes with their units, as "time (s)".
// A logarithmic axis leaves out what is not above zero.
type Plot struct {
	Title, X, Y string
	LogX, LogY  bool
	Series      []Series
}

// Series is one line. Each point is x and y; they are drawn in their order.
type Series struct {
	Name   string
	Points [][2]float64
	// Steps holds each value until the next point, as counts over time do.
	Steps bool
	// Dots draws the points alone, as for measurements beside a fitted line.
	Dots bool
}

// The picture in user units; it scales with the page that shows it.
const (
	width, height            = 640, 380
	left, right, top, bottom = 72, 32, 40, 50
	legendLine               = 16 // height of one line of the legend
	legendWidth              = 14 // of one character, with room for the mark
	markAtMost               = 40 // points; more would make the line a worm
)

// palette has colours, most of them Okabe and Ito's, that stand out on white and on black
// and are told apart without seeing red or green.
var palette = [...]string{"#0072b2", "#d55e00", "#009e73", "#c2639a", "#a97f00", "#8262c8"}

// style brings a background of its own: a picture does not know the page's.
const style = `<style>
.bg{fill:#ffffff}.ink{fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#d1d9e0;stroke-width:1}.axis{stroke:#59636e;stroke-width:1}
text{font:12px system-ui,sans-serif}.title{font-size:14px;font-weight:600}
@media (prefers-color-scheme:dark){.bg{fill:#0d1117}.ink{fill:#f0f6fc}.soft{fill:#9198a1}.grid{stroke:#2f3742}.axis{stroke:#9198a1}}
</style>
`

// SVG returns the picture. The same Plot gives the same bytes.
func (p Plot) SVG() []byte {
	legend := p.legend()
	c := canvas{x: left, y: float64(top + legendLine*len(legend)), right: width - right, bottom: height - bottom}
	c.h, c.v = newAxis(p.column(0), p.LogX), newAxis(p.column(1), p.LogY)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n",
		width, height, escape(p.Title))
	fmt.Fprintf(&b, "<title>%s</title>\n%s", escape(p.Title), style)
	fmt.Fprintf(&b, `<rect class="bg" width="%d" height="%d"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text class="ink title" x="%d" y="24">%s</text>`+"\n", left, escape(p.Title))
	for i, line := range legend {
		b.WriteString(line.draw(top + legendLine*i))
	}
	c.grid(&b)
	c.names(&b, p.X, p.Y)
	for i, s := range p.Series {
		c.series(&b, s, colour(i))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func colour(i int) string { return palette[i%len(palette)] }

// column returns what all points have on one axis.
func (p Plot) column(i int) []float64 {
	var all []float64
	for _, s := range p.Series {
		for _, point := range s.Points {
			all = append(all, point[i])
		}
	}
	return all
}

// canvas is where the lines are drawn, and the scales of its sides.
type canvas struct {
	x, y, right, bottom float64
	h, v                axis
}

// at places a point; one that an axis cannot show is not ok.
func (c canvas) at(p [2]float64) (x, y float64, ok bool) {
	fx, okX := c.h.place(p[0])
	fy, okY := c.v.place(p[1])
	return c.x + fx*(c.right-c.x), c.bottom - fy*(c.bottom-c.y), okX && okY
}

// grid draws the ticks of both axes with their figures.
func (c canvas) grid(b *strings.Builder) {
	for _, t := range c.h.ticks {
		f, _ := c.h.place(t)
		x := c.x + f*(c.right-c.x)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x, c.y, x, c.bottom)
		fmt.Fprintf(b, `<text class="soft" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", x, c.bottom+16, figure(t))
	}
	for _, t := range c.v.ticks {
		f, _ := c.v.place(t)
		y := c.bottom - f*(c.bottom-c.y)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, c.x, y, c.right, y)
		fmt.Fprintf(b, `<text class="soft" x="%.1f" y="%.1f" text-anchor="end">%s</text>`+"\n", c.x-6, y+4, figure(t))
	}
	fmt.Fprintf(b, `<line class="axis" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, c.x, c.bottom, c.right, c.bottom)
	fmt.Fprintf(b, `<line class="axis" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", c.x, c.y, c.x, c.bottom)
}

func (c canvas) names(b *strings.Builder, x, y string) {
	fmt.Fprintf(b, `<text class="ink" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", (c.x+c.right)/2, c.bottom+38, escape(x))
	middle := (c.y + c.bottom) / 2
	fmt.Fprintf(b, `<text class="ink" x="14" y="%.1f" text-anchor="middle" transform="rotate(-90 14 %.1f)">%s</text>`+"\n", middle, middle, escape(y))
}

// series draws one line. It is broken where a point cannot be shown: a line
// across the gap would claim what nobody has measured.
func (c canvas) series(b *strings.Builder, s Series, colour string) {
	var path, marks strings.Builder
	pen, lastY := "M", 0.0
	for _, p := range s.Points {
		x, y, ok := c.at(p)
		if !ok {
			pen = "M"
			continue
		}
		if s.Steps && pen == "L" {
			fmt.Fprintf(&path, "L%.1f %.1f", x, lastY)
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, x, y)
		if s.Dots || len(s.Points) <= markAtMost && !s.Steps {
			fmt.Fprintf(&marks, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x, y, colour)
		}
		pen, lastY = "L", y
	}
	if path.Len() > 0 && !s.Dots {
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`, path.String(), colour)
	}
	b.WriteString(marks.String() + "\n")
}

// shown reports whether an axis can have this value.
func shown(v float64, log bool) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (!log || v > 0)
}
