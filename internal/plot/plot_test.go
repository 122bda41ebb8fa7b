package plot

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// element is one drawn thing with its attributes.
type element struct {
	name string
	attr map[string]string
	text string
}

// read parses a picture as a browser does, and fails if it is not XML.
func read(t *testing.T, svg []byte) (all []element) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			all = append(all, e)
		case xml.CharData:
			if len(all) > 0 {
				all[len(all)-1].text += string(token)
			}
		}
	}
}

func texts(all []element) (list []string) {
	for _, e := range all {
		if e.name == "text" {
			list = append(list, strings.TrimSpace(e.text))
		}
	}
	return list
}

func paths(all []element) (list []string) {
	for _, e := range all {
		if e.name == "path" {
			list = append(list, e.attr["d"])
		}
	}
	return list
}

func TestNamesAreShownAsTheyAre(t *testing.T) {
	p := Plot{Title: `a < b & "c"`, X: "time (s)", Y: "µs per item", Series: []Series{{Name: "<x>", Points: [][2]float64{{1, 1}}}}}
	got := texts(read(t, p.SVG()))
	for _, want := range []string{p.Title, p.X, p.Y, "<x>"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

// A line from corner to corner spans the whole canvas, whose bounds are the ticks'.
func TestLineSpansTheCanvas(t *testing.T) {
	for name, p := range map[string]Plot{
		"linear": {Series: []Series{{Points: [][2]float64{{0, 0}, {60, 3}}}}},
		"log":    {LogX: true, LogY: true, Series: []Series{{Points: [][2]float64{{1, 10}, {1000, 100}}}}},
	} {
		want := fmt.Sprintf("M%d.0 %d.0L%d.0 %d.0", left, height-bottom, width-right, top)
		if got := paths(read(t, p.SVG())); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestStepsHoldTheirValue(t *testing.T) {
	p := Plot{Series: []Series{{Steps: true, Points: [][2]float64{{0, 0}, {60, 3}}}}}
	want := fmt.Sprintf("M%d.0 %d.0L%d.0 %d.0L%d.0 %d.0", left, height-bottom, width-right, height-bottom, width-right, top)
	if got := paths(read(t, p.SVG())); len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What cannot be shown breaks the line in two and leaves no NaN in the picture.
func TestGapsAreNotBridged(t *testing.T) {
	for name, bad := range map[string]float64{"not a number": math.NaN(), "infinite": math.Inf(1), "zero": 0, "negative": -1} {
		p := Plot{LogY: true, Series: []Series{{Points: [][2]float64{{1, 1}, {2, bad}, {3, 10}}}}}
		svg := p.SVG()
		got := paths(read(t, svg))
		if len(got) != 1 || strings.Count(got[0], "M") != 2 || strings.Contains(got[0], "L") {
			t.Errorf("%s: %q, want two moves and no line", name, got)
		}
		if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
			t.Errorf("%s: a picture with\n%s", name, svg)
		}
	}
}

func TestDotsHaveNoLine(t *testing.T) {
	p := Plot{Series: []Series{{Dots: true, Points: [][2]float64{{1, 1}, {2, 2}}}}}
	all := read(t, p.SVG())
	circles := 0
	for _, e := range all {
		if e.name == "circle" {
			circles++
		}
	}
	if got := paths(all); len(got) > 0 || circles != 2 {
		t.Errorf("%d circles and the lines %q, want 2 and none", circles, got)
	}
}

func TestNothingToDraw(t *testing.T) {
	for _, p := range []Plot{{}, {LogX: true, LogY: true}, {Series: []Series{{Name: "none"}}}, {Series: []Series{{Points: [][2]float64{{5, 5}}}}}} {
		svg := string(p.SVG())
		if len(texts(read(t, p.SVG()))) < 4 || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("no axes for %+v:\n%s", p, svg)
		}
	}
}

// The page that shows a picture may have no network.
func TestNothingIsFetched(t *testing.T) {
	svg := string(Plot{Title: "t"}.SVG())
	for _, bad := range []string{"href", "url(", "@import", "<script"} {
		if strings.Contains(svg, bad) {
			t.Errorf("%s in %s", bad, svg)
		}
	}
}

// contrast is WCAG's ratio between two colours "#rrggbb".
func contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(c string) (sum float64) {
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		var n int
		fmt.Sscanf(c[1+2*i:3+2*i], "%02x", &n)
		v := float64(n) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

// Lines need 3:1 against the background to be told from it (WCAG 2.1, 1.4.11).
func TestLinesStandOutOnBothBackgrounds(t *testing.T) {
	for _, background := range []string{"#ffffff", "#0d1117"} {
		if !strings.Contains(style, ".bg{fill:"+background+"}") {
			t.Fatalf("%s is no background", background)
		}
		for _, line := range palette {
			if got := contrast(line, background); got < 3 {
				t.Errorf("%s on %s: %.1f", line, background, got)
			}
		}
	}
}
