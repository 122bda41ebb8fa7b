// Package metrics writes the state of the agent as OpenMetrics, for Prometheus
// and Telegraf, or in the text format before it, which is all that node_exporter's
// textfile collector and older programs read.
//
// The official client would add a quarter to the size of a binary that has to
// fit on the smallest Pi; the formats are a page of text each.
// https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
// https://prometheus.io/docs/instrumenting/exposition_formats/
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

// Format is one of the text formats, as a response's Content-Type.
type Format string

// The formats.
const (
	OpenMetrics Format = "application/openmetrics-text; version=1.0.0; charset=utf-8"
	Text        Format = "text/plain; version=0.0.4; charset=utf-8"
)

// Accepted is the format for a request with this Accept header: OpenMetrics, but
// for those who name plain text and not it.
func Accepted(accept string) Format {
	if strings.Contains(accept, "text/plain") && !strings.Contains(accept, "application/openmetrics-text") {
		return Text
	}
	return OpenMetrics
}

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

// Write writes all metrics of s to w, and those of p, the process that serves
// them.
func Write(w io.Writer, s status.Snapshot, p Process, format Format) error {
	b := bufio.NewWriter(w)
	for _, f := range families(p) {
		f.write(b, f.read(s), format)
	}
	if format == OpenMetrics {
		fmt.Fprintln(b, "# EOF")
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing metrics: %w", err)
	}
	return nil
}

// write leaves out a family without samples: what is not known has no value.
func (f family) write(w io.Writer, samples []sample, format Format) {
	if len(samples) == 0 {
		return
	}
	kind, name := f.kind, "edgeagent_"+f.name
	sampled := name + f.kind.suffix()
	if format == Text {
		// It describes the samples rather than the family, and knows no info.
		name = sampled
		if kind == info {
			kind = gauge
		}
	}
	fmt.Fprintf(w, "# TYPE %s %s\n", name, kind)
	if f.unit != "" && format == OpenMetrics {
		fmt.Fprintf(w, "# UNIT %s %s\n", name, f.unit)
	}
	fmt.Fprintf(w, "# HELP %s %s\n", name, escape(f.help))
	for _, v := range samples {
		fmt.Fprintf(w, "%s%s %s\n", sampled, labels(v.labels), strconv.FormatFloat(v.value, 'g', -1, 64))
	}
}

// suffix ends the name of a sample.
func (k kind) suffix() string {
	switch k {
	case counter:
		return "_total"
	case info:
		return "_info"
	}
	return ""
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
