package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/control"
	"edgeagent/internal/tunnel"
	"edgeagent/internal/vpn"
)

func TestBackendUnknownNames(t *testing.T) {
	gate, _ := clock.NewGate(time.Time{}, "")
	links, err := vpn.NewLinks(vpn.LinksOptions{
		Links:     []config.Link{{Name: "canal", Type: config.LinkInterface, Interface: []string{"ppp0"}}},
		ProbePath: func(context.Context, vpn.Path) (time.Duration, error) { return 0, nil },
		Clock:     gate, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &parts{
		links:  links,
		tunnel: tunnel.New(tunnel.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}),
	}
	for what, err := range map[string]error{
		"vpm": p.RestartLink(t.Context(), "vpm"),
		"x-1": p.CloseTunnel(t.Context(), "x-1"),
	} {
		if !errors.Is(err, control.ErrNotFound) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v, want a not-found error that names it", what, err)
		}
	}
}
