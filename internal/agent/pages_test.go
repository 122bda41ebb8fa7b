package agent

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgeagent/internal/config"
	"edgeagent/internal/history"
	"edgeagent/internal/status"
)

// TestPages: what is asked for is served, and never without the password that
// was asked for.
func TestPages(t *testing.T) {
	word := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(word, []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	loopback, open := netip.MustParseAddrPort("127.0.0.1:8787"), netip.MustParseAddrPort("0.0.0.0:8787")
	for name, tt := range map[string]struct {
		config config.Config
		pages  int
		log    string
	}{
		"off":              {config.Config{}, 0, ""},
		"page":             {config.Config{StatusPage: loopback}, 1, ""},
		"page and metrics": {config.Config{StatusPage: loopback, MetricsListen: netip.MustParseAddrPort("127.0.0.1:9787")}, 2, ""},
		"with a password":  {config.Config{StatusPage: open, StatusPagePasswordFile: word}, 1, ""},
		"password is gone": {config.Config{StatusPage: loopback, StatusPagePasswordFile: word + ".gone"}, 0, word + ".gone: no such file"},
		"no password":      {config.Config{StatusPage: open}, 0, "0.0.0.0:8787: the address is not a loopback one"},
		"open metrics":     {config.Config{MetricsListen: open}, 0, "the address is not a loopback one"},
	} {
		t.Run(name, func(t *testing.T) {
			board := status.NewBoard("gw-042", "test", stageNames()...)
			p := &parts{board: board, recorder: history.NewRecorder(board)}
			var log strings.Builder
			if got := p.pages(Options{Config: tt.config, Log: slog.New(slog.NewTextHandler(&log, nil))}); len(got) != tt.pages {
				t.Errorf("%d pages, want %d", len(got), tt.pages)
			}
			if (tt.log == "") != (log.Len() == 0) || !strings.Contains(log.String(), tt.log) {
				t.Errorf("log %q, want %q", &log, tt.log)
			}
		})
	}
}
