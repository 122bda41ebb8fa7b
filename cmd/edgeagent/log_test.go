package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/slogtest"
	"time"

	"edgeagent/internal/config"
)

// logged returns what log writes, with each line's time made the same.
func logged(t *testing.T, h func(io.Writer) slog.Handler, log func(*slog.Logger)) string {
	t.Helper()
	var b bytes.Buffer
	log(slog.New(h(&b)))
	return b.String()
}

func someLines(l *slog.Logger) {
	l.Debug("fine print")
	l.Info("link is up", "link", "vpn", "rtt", 41*time.Millisecond)
	l.With("stage", "dns").WithGroup("query").Warn("slow", "name", "a b")
	l.Error("link is down", "err", errors.New("line 1\nline 2"))
	l.Info("forged\n<0>line", "level", "high", "msg", "kept", "time", "kept")
}

func TestLogUnderJournald(t *testing.T) {
	got := logged(t, func(w io.Writer) slog.Handler { return newLineHandler(w, slog.LevelDebug, priority) }, someLines)
	want := `<7>fine print
<6>link is up link=vpn rtt=41ms
<4>slow stage=dns query.name="a b"
<3>link is down err="line 1\nline 2"
<6>"forged\n<0>line" level=high msg=kept time=kept
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestLogForPeople(t *testing.T) {
	var b bytes.Buffer
	h := newLineHandler(&b, slog.LevelInfo, timeAndLevel)
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelError} {
		if !h.Enabled(t.Context(), level) {
			continue
		}
		r := slog.NewRecord(time.Date(2026, 11, 21, 8, 30, 12, 0, time.Local), level, "link is up", 0)
		r.AddAttrs(slog.String("link", "vpn"))
		if err := h.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want := "2026-11-21 08:30:12 INFO  link is up link=vpn\n2026-11-21 08:30:12 ERROR link is up link=vpn\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

func TestLogFormats(t *testing.T) {
	tests := []struct {
		config config.Log
		first  string
		debug  bool
	}{
		{config.Log{Level: "info", Format: config.LogAuto}, "20", false},
		{config.Log{Level: "debug", Format: config.LogText}, "20", true},
		{config.Log{Level: "info", Format: config.LogJSON}, `{"time":"20`, false},
		{config.Log{Level: "nonsense", Format: "nonsense"}, "20", false},
	}
	for _, tt := range tests {
		got := logged(t, func(w io.Writer) slog.Handler { return newLogHandler(w, tt.config) }, func(l *slog.Logger) {
			l.Info("hello")
			l.Debug("fine print")
		})
		if !strings.HasPrefix(got, tt.first) || strings.Contains(got, "fine print") != tt.debug {
			t.Errorf("%+v: got %q", tt.config, got)
		}
	}
}

// Only the very stream that systemd connected to the journal counts.
func TestIsJournal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	info, err := w.Stat()
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	stream := fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
	tests := []struct {
		name   string
		w      io.Writer
		stream string
		want   bool
	}{
		{"the stream itself", w, stream, true},
		{"no variable", w, "", false},
		{"another stream", w, fmt.Sprintf("%d:%d", stat.Dev, stat.Ino+1), false},
		{"redirected to a buffer", new(bytes.Buffer), stream, false},
	}
	for _, tt := range tests {
		if got := isJournal(tt.w, tt.stream); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	t.Setenv("JOURNAL_STREAM", stream)
	slog.New(newLogHandler(w, config.Log{Level: "info", Format: config.LogAuto})).Warn("hello")
	line := make([]byte, 64)
	n, err := r.Read(line)
	if got := string(line[:n]); err != nil || got != "<4>hello\n" {
		t.Errorf("in the journal: %q, %v", got, err)
	}
}

// The handler keeps slog's own rules for groups, attributes and levels.
func TestLineHandlerConforms(t *testing.T) {
	var b bytes.Buffer
	h := newLineHandler(&b, slog.LevelInfo, func(r slog.Record) string {
		if r.Time.IsZero() {
			return fmt.Sprintf("level=%s msg=", r.Level)
		}
		return fmt.Sprintf("time=%s level=%s msg=", r.Time.Format(time.RFC3339), r.Level)
	})
	results := func() []map[string]any {
		var all []map[string]any
		for line := range strings.Lines(b.String()) {
			all = append(all, parseLine(line))
		}
		return all
	}
	if err := slogtest.TestHandler(h, results); err != nil {
		t.Error(err)
	}
}

// parseLine turns a.b=c into nested maps, as slogtest wants them.
func parseLine(line string) map[string]any {
	all := map[string]any{}
	for _, pair := range strings.Fields(line) {
		path, value, _ := strings.Cut(pair, "=")
		at := all
		keys := strings.Split(path, ".")
		for _, key := range keys[:len(keys)-1] {
			if at[key] == nil {
				at[key] = map[string]any{}
			}
			at = at[key].(map[string]any)
		}
		at[keys[len(keys)-1]] = value
	}
	return all
}
