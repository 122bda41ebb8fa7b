package fleet

import (
	"fmt"
	"io"
	"strings"
	"time"

	"edgeagent/internal/config"
)

// The case that the report is about.
const (
	// VPCEndpoint is how many devices one VPC endpoint takes, Quota how many
	// CONNECTs a second AWS IoT Core takes from an account by default.
	// https://docs.aws.amazon.com/general/latest/gr/iot-core.html
	VPCEndpoint = 100_000
	Quota       = 500
)

// Outages are those that the report compares.
var Outages = [...]time.Duration{10 * time.Second, 10 * time.Minute, 3 * time.Hour}

// Kind is a sort of client.
type Kind struct {
	Name string
	New  func(i int, dice Dice) Client
}

// serials is a fleet whose ids are no numbers in a row: turns fall by chance.
const serials = "edgeagent, mqtt.fleet, serials"

// Kinds returns the clients that the report compares, in a fleet of so many devices.
func Kinds(devices int) []Kind {
	alone, fleet := config.Default(), config.Default()
	fleet.MQTT.Fleet = devices
	return []Kind{
		{"edgeagent", func(i int, d Dice) Client { return Agent(alone, number(i), d) }},
		{"edgeagent, mqtt.fleet", func(i int, d Dice) Client { return Agent(fleet, number(i), d) }},
		{serials, func(_ int, d Dice) Client { return Agent(fleet, serial(d), d) }},
		{"edgeagent, patient (what if)", func(i int, d Dice) Client { return patient{Agent(alone, number(i), d), d} }},
		{"paho.mqtt.golang", func(_ int, d Dice) Client { return Paho(d) }},
		{"AWS IoT Device SDK v2", func(_ int, d Dice) Client { return AWSSDK(d) }},
	}
}

// number names devices one after the other, serial by chance.
func number(i int) string  { return fmt.Sprintf("gw-%06d", i) }
func serial(d Dice) string { return fmt.Sprintf("gw-%010x", d.source.Int64N(1<<40)) }

// patient is edgeagent without knowledge of its fleet, if it took every refusal
// for an overload: what that alone would bring.
type patient struct {
	Client
	dice Dice
}

// refusalWindow is the window after a refusal, the longest of the back-off's.
const refusalWindow = 5 * time.Minute

// Refused implements Client.
func (p patient) Refused(now time.Time) time.Time { return now.Add(p.dice.Below(refusalWindow)) }

// Run is one line of the report.
type Run struct {
	Kind string
	*Result
}

// Compare runs every kind through outage. It tells progress of each.
func Compare(devices, quota int, outage time.Duration, seed uint64, progress func(Run)) []Run {
	var all []Run
	for _, k := range Kinds(devices) {
		s := Storm{Devices: devices, Quota: quota, Outage: outage, Seed: seed, New: k.New}
		run := Run{k.Name, s.Run()}
		progress(run)
		all = append(all, run)
	}
	return all
}

// Row is the run as a row of the report's tables, in Markdown.
func (r Run) Row() string {
	half, _ := r.Until(0.5)
	most, _ := r.Until(0.99)
	all, back := r.Until(1)
	if !back {
		return fmt.Sprintf("| %s | %d | %d | %d | - | - | - | - |", r.Kind, r.Lost, r.Peak(), r.Refused)
	}
	ratio := "-"
	if r.Lost*10 >= r.Devices {
		ratio = fmt.Sprintf("%.2f", r.Ratio())
	}
	return fmt.Sprintf("| %s | %d | %d | %d | %.0f | %.0f | %.0f | %s |",
		r.Kind, r.Lost, r.Peak(), r.Refused, half.Seconds(), most.Seconds(), all.Seconds(), ratio)
}

// heading is of the tables that Row fills.
const heading = `| client | sessions lost | peak CONNECT/s | refused | 50 % back, s | 99 %, s | 100 %, s | to the optimum |
|---|---:|---:|---:|---:|---:|---:|---:|
`

// Table returns the runs of one outage.
func Table(runs []Run) string {
	var b strings.Builder
	b.WriteString(heading)
	for _, r := range runs {
		b.WriteString(r.Row() + "\n")
	}
	return b.String()
}

// Name returns an outage as the report calls it: 10 s, 10 min, 3 h.
func Name(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d h", d/time.Hour)
}

// Page is the report.
type Page struct {
	Devices, Quota int
	Seed           uint64
	Runs           [][]Run // by outage
}

// Write writes the page in Markdown. Its pictures are PictureFiles' in the folder
// pictures beside it.
func (p Page) Write(w io.Writer, pictures string) error {
	var b strings.Builder
	fmt.Fprintf(&b, introduction, p.Devices, p.Quota, p.Seed)
	for _, runs := range p.Runs {
		name := Name(runs[0].Outage)
		fmt.Fprintf(&b, "\n## The path is gone for %s\n\n%s", name, Table(runs))
		for _, picture := range PictureFiles(runs) {
			fmt.Fprintf(&b, "\n![%s](%s/%s)\n", picture.Title, pictures, picture.File)
		}
	}
	b.WriteString(explanation)
	_, err := io.WriteString(w, b.String())
	return err
}
