// Package metrics writes the state of the agent in the OpenMetrics text format,
// for Prometheus, node_exporter's textfile collector and Telegraf.
//
// The official client would add a quarter to the size of a binary that has to
// fit on the smallest Pi; the format is a page of text.
// https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
package metrics

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"edgeagent/internal/status"
)

// ContentType is what a response with the output of Write says.
const ContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

// kind is a metric's type.
type kind string

const (
	gauge   kind = "gauge"
	counter kind = "counter"
	info    kind = "info"
)

// family is a metric with its samples.
type family struct {
	name string // without edgeagent_ and the suffix of its kind
	kind kind
	unit string
	help string
	read func(s status.Snapshot) []sample
}

// sample is one value.
type sample struct {
	labels map[string]string
	value  float64
}

// Write writes all metrics of s to w.
func Write(w io.Writer, s status.Snapshot) error {
	b := bufio.NewWriter(w)
	for _, f := range families() {
		f.write(b, f.read(s))
	}
	fmt.Fprintln(b, "# EOF")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing metrics: %w", err)
	}
	return nil
}

// write leaves out a family without samples: what is not known has no value.
func (f family) write(w io.Writer, samples []sample) {
	if len(samples) == 0 {
		return
	}
	name := "edgeagent_" + f.name
	fmt.Fprintf(w, "# TYPE %s %s\n", name, f.kind)
	if f.unit != "" {
		fmt.Fprintf(w, "# UNIT %s %s\n", name, f.unit)
	}
	fmt.Fprintf(w, "# HELP %s %s\n", name, escape(f.help))
	switch f.kind {
	case counter:
		name += "_total"
	case info:
		name += "_info"
	}
	for _, v := range samples {
		fmt.Fprintf(w, "%s%s %s\n", name, labels(v.labels), strconv.FormatFloat(v.value, 'g', -1, 64))
	}
}

// labels are sorted, so that the same state gives the same text.
func labels(l map[string]string) string {
	if len(l) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		parts = append(parts, fmt.Sprintf(`%s="%s"`, name, escape(l[name])))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// escape makes a label's value or a help text of any string.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(strings.ToValidUTF8(s, "\uFFFD"))
}
