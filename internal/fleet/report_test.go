package fleet

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func seconds(all ...float64) []time.Duration {
	var out []time.Duration
	for _, s := range all {
		out = append(out, time.Duration(s*float64(time.Second)))
	}
	return out
}

func TestResult(t *testing.T) {
	r := &Result{
		Devices: 10, Quota: 2, Lost: 4, Refused: 2,
		Connects: seconds(0.9, 1.1, 1.2, 1.95, 2.05, 5), Back: seconds(0.9, 1.1, 2.1, 5),
	}
	if r.Peak() != 4 { // across the full second
		t.Errorf("peak %d", r.Peak())
	}
	for part, want := range map[float64]time.Duration{0.25: 900 * time.Millisecond, 0.5: 1100 * time.Millisecond, 0.99: 5 * time.Second, 1: 5 * time.Second} {
		if at, ok := r.Until(part); !ok || at != want {
			t.Errorf("%v back after %v, want %v", part, at, want)
		}
	}
	if r.Optimum() != 2*time.Second || r.Ratio() != 2.5 {
		t.Errorf("optimum %v, ratio %v", r.Optimum(), r.Ratio())
	}
	if want := "| x | 4 | 4 | 2 | 1 | 5 | 5 | 2.50 |"; (Run{"x", r}).Row() != want {
		t.Errorf("row %q, want %q", Run{"x", r}.Row(), want)
	}
	r.Back = r.Back[:3]
	if !math.IsInf(r.Ratio(), 1) || !strings.HasSuffix(Run{"x", r}.Row(), "| - |") {
		t.Errorf("one never came back: ratio %v, row %q", r.Ratio(), Run{"x", r}.Row())
	}
}

func TestPage(t *testing.T) {
	p := Page{Devices: 300, Quota: 3, Seed: 1}
	for _, outage := range []time.Duration{10 * time.Second, 10 * time.Minute} {
		var rows []string
		runs := Compare(p.Devices, p.Quota, outage, p.Seed, func(r Run) { rows = append(rows, r.Row()) })
		if len(rows) != len(runs) || len(runs) != len(Kinds(1)) {
			t.Fatalf("%d runs, told of %d", len(runs), len(rows))
		}
		p.Runs = append(p.Runs, runs)
	}
	var text bytes.Buffer
	if err := p.Write(&text, "pics"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"300 devices", "accepts 3 CONNECTs", "## The path is gone for 10 s\n", "## The path is gone for 10 min\n",
		"](pics/connects-10min.svg)", "](pics/back-10min.svg)", p.Runs[1][4].Row() + "\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the page does not contain %q", want)
		}
	}
	if strings.Contains(text.String(), "pics/connects-10s.svg") {
		t.Error("a picture of an outage that cost next to no session")
	}
	for _, picture := range PictureFiles(p.Runs[1]) {
		for _, name := range []string{"edgeagent, mqtt.fleet<", "paho.mqtt.golang<", "AWS IoT Device SDK v2<"} {
			if !bytes.Contains(picture.SVG, []byte(name)) {
				t.Errorf("%s has no line of %s", picture.File, name)
			}
		}
	}
}

// The page in docs is of this program, though its figures take a minute to make.
func TestCommittedPageIsUpToDate(t *testing.T) {
	page, err := os.ReadFile("../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{fmt.Sprintf(introduction, VPCEndpoint, Quota, 1), heading, explanation}
	for _, k := range Kinds(1) {
		want = append(want, "| "+k.Name+" | ")
	}
	for _, text := range want {
		if !bytes.Contains(page, []byte(text)) {
			t.Errorf("make fleet: the page lacks %.80q...", text)
		}
	}
}

func TestName(t *testing.T) {
	for d, want := range map[time.Duration]string{10 * time.Second: "10 s", 10 * time.Minute: "10 min", 3 * time.Hour: "3 h"} {
		if got := Name(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
