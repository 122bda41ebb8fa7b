package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coreos/go-systemd/v22/daemon"

	"edgeagent/internal/control"
	"edgeagent/internal/status"
)

// The device without a configuration answers, on the socket that the agent then
// takes.
func TestStandby(t *testing.T) {
	dir := t.TempDir()
	o := Options{RuntimeDir: filepath.Join(dir, "run"), StateDir: filepath.Join(dir, "state"), Version: "test", Log: slog.New(slog.DiscardHandler)}
	missing := status.Update{State: status.Waiting, Reason: status.ReasonNotConfigured, Detail: "fill in device.thing", Commands: []string{"sudoedit x"}}
	s, err := StartStandby(o, "raspberrypi", missing)
	if err != nil {
		t.Fatal(err)
	}
	client := control.NewClient(filepath.Join(o.RuntimeDir, SocketName))
	got, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var stages []string
	for _, c := range got.Stages {
		stages = append(stages, c.Stage)
	}
	if want := []string{"config", "link", "dns", "endpoint", "broker", "tunnel"}; !slices.Equal(stages, want) || got.Device != "raspberrypi" || got.State != status.Waiting {
		t.Errorf("%s %s, stages %q", got.Device, got.State, stages)
	}
	if f := got.FixFirst; f == nil || f.Reason != status.ReasonNotConfigured || !slices.Equal(f.Commands, missing.Commands) {
		t.Errorf("fix first %+v", f)
	}
	if _, err := StartStandby(o, "raspberrypi", missing); !errors.Is(err, control.ErrRunning) {
		t.Errorf("a second one: %v", err)
	}
	s.Show(status.Update{State: status.Down, Reason: status.ReasonBadConfig, Detail: "1 fault"})
	if got, err := client.Status(t.Context()); err != nil || got.State != status.Down {
		t.Errorf("then %s, %v", got.State, err)
	}
	if err := client.RestartLink(t.Context(), "vpn"); err == nil || errors.Is(err, control.ErrNotFound) {
		t.Errorf("restarting a link: %v", err)
	}
	s.Stop()
	if _, err := client.Status(t.Context()); err == nil {
		t.Error("it still answers")
	}
	if s, err = StartStandby(o, "raspberrypi", missing); err != nil {
		t.Fatalf("the socket is not free: %v", err)
	}
	s.Stop()
}

// systemd would kill a daemon that says that it is stopping and does not.
func TestStandbyGoesOn(t *testing.T) {
	var sent []string
	send := goingOn(func(state string) error { sent = append(sent, state); return os.ErrClosed })
	for _, state := range []string{daemon.SdNotifyReady, daemon.SdNotifyStopping, daemon.SdNotifyWatchdog} {
		if err := send(state); (err == nil) != (state == daemon.SdNotifyStopping) {
			t.Errorf("%s: %v", state, err)
		}
	}
	if !slices.Equal(sent, []string{daemon.SdNotifyReady, daemon.SdNotifyWatchdog}) {
		t.Errorf("sent %q", sent)
	}
}

var _ control.Backend = (*Standby)(nil)

// Nothing of a standby runs a link or a tunnel.
func TestStandbyHasNothing(t *testing.T) {
	var s Standby
	if s.Links() == nil || s.Tunnels() == nil || len(s.Links())+len(s.Tunnels()) != 0 {
		t.Error("want empty lists, which JSON shows as such")
	}
	if err := s.CloseTunnel(context.Background(), "x"); !errors.Is(err, errStandby) {
		t.Error(err)
	}
}
