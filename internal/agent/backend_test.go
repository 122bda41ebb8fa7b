package agent

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"edgeagent/internal/config"
	"edgeagent/internal/control"
	"edgeagent/internal/tunnel"
)

func TestBackendUnknownNames(t *testing.T) {
	p := &parts{
		links:  []config.Link{{Name: "vpn"}, {Name: "canal"}},
		tunnel: tunnel.New(tunnel.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}),
	}
	for what, err := range map[string]error{
		"vpm":   p.RestartLink(t.Context(), "vpm"),
		"canal": p.RestartLink(t.Context(), "canal"), // stands by, does not run
		"x-1":   p.CloseTunnel(t.Context(), "x-1"),
	} {
		if !errors.Is(err, control.ErrNotFound) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v, want a not-found error that names it", what, err)
		}
	}
}
