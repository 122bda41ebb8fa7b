package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/history"
	"edgeagent/internal/status"
)

// anHour is a past with a loss ten minutes ago.
func anHour() history.History {
	values := func(f func(minute int) float64) []*float64 {
		var all []*float64
		for i := range hourMinutes {
			v := f(i)
			all = append(all, &v)
		}
		return all
	}
	rtt := values(func(i int) float64 { return 10 + float64(i) })
	rtt[50], rtt[59] = nil, nil
	return history.History{Series: []history.Series{
		{Name: "probe_rtt_ms", Values: rtt},
		{Name: "losses", Values: values(func(i int) float64 { return map[int]float64{50: 2}[i] })},
		{Name: "bytes_in", Values: values(func(int) float64 { return 20_000 })},
		{Name: "bytes_out", Values: []*float64{nil, nil}},
	}}
}

func TestDrawHour(t *testing.T) {
	want := "The last hour\n" +
		"  response  RTT  68 ms\n" +
		"  losses    __________________________________________________@_________  2\n" +
		"  received  @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@  1.2 MB\n" +
		"  sent\n"
	past := anHour()
	want = strings.Replace(want, "RTT", history.Sparkline(past.Series[0].Values, hourMinutes, true), 1)
	got := drawHour(past, status.TextOptions{}, true)
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, r := range got {
		if r > '~' {
			t.Errorf("%q in plain text", r)
		}
	}
}

// Labels in Japanese take two columns a character; the lines stay under each
// other and within the screen.
func TestDrawHourInJapanese(t *testing.T) {
	for _, width := range []int{0, 80, 60, 40} {
		o := status.TextOptions{Width: width, Language: status.Japanese}
		limit := width
		if width == 0 {
			limit = 80
		}
		lines := strings.Split(strings.TrimSpace(drawHour(anHour(), o, false)), "\n")
		if len(lines) != 5 {
			t.Fatalf("%d lines", len(lines))
		}
		for _, l := range lines {
			if status.Width(l) > limit {
				t.Errorf("%d columns of %d: %q", status.Width(l), limit, l)
			}
		}
		before, _, _ := strings.Cut(lines[2], "▁")
		if status.Width(before) != hourColumn {
			t.Errorf("the sparkline begins in column %d: %q", status.Width(before), lines[2])
		}
	}
}

func TestDrawHourWithoutPast(t *testing.T) {
	for _, past := range []history.History{{}, {Series: []history.Series{{Name: "losses", Values: []*float64{nil}}}}} {
		if got := drawHour(past, status.TextOptions{}, false); got != "" {
			t.Errorf("got %q", got)
		}
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[float64]string{0: "0 B", 999: "999 B", 999.6: "1.0 kB", 1234: "1.2 kB", 9960: "10 kB", 34e6: "34 MB", 2e9: "2.0 GB", 5e12: "5 TB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}

// The daemon is not asked each second for what changes each minute, and what it
// cannot tell any more is not shown any more.
func TestHourAsksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		h := hour{ask: func(context.Context) (history.History, error) {
			if asked++; asked > 1 {
				return history.History{}, errors.New("gone")
			}
			return anHour(), nil
		}}
		for i := range 10 {
			if h.lines(t.Context(), status.TextOptions{}, true) == "" {
				t.Fatalf("nothing in second %d", i)
			}
			time.Sleep(time.Second)
		}
		if got := h.lines(t.Context(), status.TextOptions{}, true); asked != 2 || got != "" {
			t.Errorf("asked %d times, then %q", asked, got)
		}
	})
}

// A terminal that is too low shows the chain first; one line stays free, or the
// last newline would scroll the frame.
func TestFrameFitsTheTerminal(t *testing.T) {
	for _, tc := range []struct {
		height int
		want   string
	}{{0, "a\nb\nc\nd\n"}, {5, "a\nb\nc\nd\n"}, {4, "a\nb\n"}, {3, "a\nb\n"}, {2, "a\n"}} {
		o := &screen{w: new(bytes.Buffer), size: func() (int, int) { return 80, tc.height }}
		if got := o.fit("a\nb\n", "c\nd\n"); got != tc.want {
			t.Errorf("height %d: %q, want %q", tc.height, got, tc.want)
		}
	}
}

func TestScreenSpeaksTheReadersLanguage(t *testing.T) {
	for lang, want := range map[string]string{
		"ja_JP.UTF-8": "gw-042  停止", "ja_JP.eucJP": "gw-042  DOWN", "C": "gw-042  DOWN", "en_GB.UTF-8": "gw-042  DOWN",
	} {
		t.Setenv("LC_ALL", lang)
		var b bytes.Buffer
		if err := newScreen(&b, false).show(snapshotIn(status.Down)); err != nil || !strings.HasPrefix(b.String(), want) {
			t.Errorf("%s: %v\n%s", lang, err, &b)
		}
		b.Reset()
		if err := newScreen(&b, true).show(snapshotIn(status.Down)); err != nil || strings.ContainsFunc(b.String(), func(r rune) bool { return r > '~' }) {
			t.Errorf("%s: JSON is not English: %v\n%s", lang, err, &b)
		}
	}
}
