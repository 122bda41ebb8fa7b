package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"edgeagent/internal/history"
	"edgeagent/internal/status"
)

// Layout of the last hour's figures: a label, a value a minute, a number.
const (
	hourColumn  = 12 // where the sparklines begin, as the stages' states do
	hourNumber  = 8  // columns for the number behind them
	hourMinutes = int(history.Length / history.Step)
	hourEvery   = 10 * time.Second // between two questions; there is a new value each minute
)

// hour shows how the last hour was, as far as the daemon tells.
type hour struct {
	ask   func(context.Context) (history.History, error)
	asked time.Time
	past  history.History
}

// lines returns the sparklines, "" if there is no past yet. A daemon that is gone
// or has no history takes nothing from the screen but these.
func (h *hour) lines(ctx context.Context, o status.TextOptions, plain bool) string {
	if now := time.Now(); now.Sub(h.asked) >= hourEvery {
		h.asked = now
		past, err := h.ask(ctx)
		if err != nil {
			past = history.History{}
		}
		h.past = past
	}
	return drawHour(h.past, o, plain)
}

func drawHour(past history.History, o status.TextOptions, plain bool) string {
	words := o.Language.Hour()
	width := o.Width
	if width == 0 {
		width = defaultColumns
	}
	width = min(hourMinutes, width-hourColumn-hourNumber)
	if width < 1 || !slices.ContainsFunc(past.Series, known) {
		return ""
	}
	var b strings.Builder
	b.WriteString(words.Title + "\n")
	for _, row := range []struct {
		label, series string
		number        func([]*float64) string
	}{
		{words.RoundTrip, "probe_rtt_ms", latest},
		{words.Losses, "losses", sum(func(n float64) string { return fmt.Sprintf("%.0f", n) })},
		{words.Received, "bytes_in", sum(bytesText)},
		{words.Sent, "bytes_out", sum(bytesText)},
	} {
		values := series(past, row.series)
		label := "  " + row.label
		label += strings.Repeat(" ", max(1, hourColumn-status.Width(label)))
		line := label + history.Sparkline(values, width, plain) + "  " + row.number(values)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// known reports whether a series has a value.
func known(s history.Series) bool {
	return slices.ContainsFunc(s.Values, func(v *float64) bool { return v != nil })
}

func series(past history.History, name string) []*float64 {
	i := slices.IndexFunc(past.Series, func(s history.Series) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return past.Series[i].Values
}

// latest is the last round trip that is known.
func latest(values []*float64) string {
	for _, v := range slices.Backward(values) {
		switch {
		case v == nil:
		case *v >= 1000:
			return fmt.Sprintf("%.1f s", *v/1000)
		default:
			return fmt.Sprintf("%.0f ms", *v)
		}
	}
	return ""
}

// sum is the total of what is known, or nothing.
func sum(text func(float64) string) func([]*float64) string {
	return func(values []*float64) string {
		if !known(history.Series{Values: values}) {
			return ""
		}
		total := 0.0
		for _, v := range values {
			if v != nil {
				total += *v
			}
		}
		return text(total)
	}
}

// bytesText has at most 6 columns: 999 B, 1.2 kB, 34 MB.
func bytesText(n float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		switch {
		case n < 9.95 && unit != "B":
			return fmt.Sprintf("%.1f %s", n, unit)
		case n < 999.5:
			return fmt.Sprintf("%.0f %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.0f TB", n)
}
