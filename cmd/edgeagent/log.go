package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"edgeagent/internal/config"
)

// newLogHandler returns the handler for c that writes to w. Under journald the
// lines carry a priority and no time, which journald knows better.
func newLogHandler(w io.Writer, c config.Log) slog.Handler {
	level := logLevel(c.Level)
	journal := isJournal(w, os.Getenv("JOURNAL_STREAM"))
	switch {
	case c.Format == config.LogJSON:
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	case journal:
		return newLineHandler(w, level, priority)
	}
	return newLineHandler(w, level, timeAndLevel)
}

// logLevel is the level of that name.
func logLevel(name string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return level
}

// isJournal reports whether w is the stream that stream names as DEVICE:INODE
// (systemd.exec(5), $JOURNAL_STREAM). The variable alone proves nothing: a
// program whose output was redirected inherits it too.
func isJournal(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

// priority is the prefix that journald takes for a line's level (sd-daemon(3)).
func priority(r slog.Record) string {
	switch {
	case r.Level >= slog.LevelError:
		return "<3>"
	case r.Level >= slog.LevelWarn:
		return "<4>"
	case r.Level >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// timeAndLevel is the beginning of a line for people.
func timeAndLevel(r slog.Record) string {
	return r.Time.Format("2006-01-02 15:04:05 ") + fmt.Sprintf("%-5s ", r.Level)
}

// lineHandler writes a record as its message followed by key=value pairs.
type lineHandler struct {
	head  func(slog.Record) string
	attrs slog.Handler // writes the pairs into the shared buffer
	out   *lineWriter
}

// lineWriter is shared by a handler and all that are derived from it, so that
// lines do not mix.
type lineWriter struct {
	mu    sync.Mutex
	w     io.Writer
	pairs bytes.Buffer
}

// newLineHandler returns a handler whose lines begin with what head returns.
func newLineHandler(w io.Writer, level slog.Level, head func(slog.Record) string) slog.Handler {
	out := &lineWriter{w: w}
	return &lineHandler{head: head, out: out, attrs: slog.NewTextHandler(&out.pairs, &slog.HandlerOptions{
		Level: level, ReplaceAttr: onlyPairs,
	})}
}

// onlyPairs leaves out the level and the message that a TextHandler adds. The
// time is not set.
func onlyPairs(groups []string, a slog.Attr) slog.Attr {
	_, isLevel := a.Value.Any().(slog.Level)
	if len(groups) == 0 && (a.Key == slog.LevelKey && isLevel || a.Key == slog.MessageKey && a.Value.Equal(slog.StringValue(""))) {
		return slog.Attr{}
	}
	return a
}

// Enabled implements slog.Handler.
func (h *lineHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.attrs.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *lineHandler) Handle(ctx context.Context, r slog.Record) error {
	pairs := slog.NewRecord(time.Time{}, r.Level, "", 0)
	r.Attrs(func(a slog.Attr) bool { pairs.AddAttrs(a); return true })
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.pairs.Reset()
	if err := h.attrs.Handle(ctx, pairs); err != nil {
		return err
	}
	line := strings.TrimRight(h.head(r)+oneLine(r.Message)+" "+h.out.pairs.String(), " \n")
	_, err := io.WriteString(h.out.w, line+"\n")
	return err
}

// WithAttrs implements slog.Handler.
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lineHandler{head: h.head, out: h.out, attrs: h.attrs.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *lineHandler) WithGroup(name string) slog.Handler {
	return &lineHandler{head: h.head, out: h.out, attrs: h.attrs.WithGroup(name)}
}

// oneLine keeps a message from forging a second line.
func oneLine(message string) string {
	if strings.ContainsFunc(message, unicode.IsControl) {
		return strconv.Quote(message)
	}
	return message
}
