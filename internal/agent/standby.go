package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/coreos/go-systemd/v22/daemon"

	"edgeagent/internal/control"
	"edgeagent/internal/history"
	"edgeagent/internal/resolver"
	"edgeagent/internal/status"
)

// stageNames are the stages of the path, in their order.
func stageNames() []string { return []string{"link", "dns", "endpoint", "broker", "tunnel"} }

// StageConfig stands before the first stage of the path while there is no
// configuration to run with.
const StageConfig = "config"

// Standby is the daemon without a configuration: people and systemd are told
// what is missing, and nothing else is done.
type Standby struct {
	board    *status.Board
	recorder *history.Recorder
	stop     context.CancelFunc
	ended    sync.WaitGroup
}

// StartStandby serves the control API of a device of that name and tells systemd
// how its configuration is, until Stop. It does not say that the daemon is
// stopping: once there is a configuration the same process goes on.
func StartStandby(o Options, device string, first status.Update) (*Standby, error) {
	if err := makeDirs(o); err != nil {
		return nil, err
	}
	listener, err := control.Listen(filepath.Join(o.RuntimeDir, SocketName))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	board := status.NewBoard(device, o.Version, append([]string{StageConfig}, stageNames()...)...)
	s := &Standby{board: board, recorder: history.NewRecorder(board), stop: stop}
	s.Show(first)
	leaveDNS(o)
	s.ended.Go(func() {
		if err := control.NewServer(s, o.Log).Serve(ctx, listener); err != nil {
			o.Log.Error("the control API ended", "err", err)
		}
	})
	s.ended.Go(func() { s.recorder.Run(ctx) })
	s.ended.Go(func() { whenQuiet(ctx, board, o) })
	n := newNotifier(s.board, o.Log)
	n.send = goingOn(n.send)
	s.ended.Go(func() { n.run(ctx) })
	return s, nil
}

// leaveDNS has the OS go back to its own DNS, for no stub runs now. The root
// helper sees that nobody listens.
func leaveDNS(o Options) {
	if o.StubSockets != nil {
		o.StubSockets.Release(o.Log)
	}
	if err := resolver.RingForRepair(o.RuntimeDir)(context.Background()); err != nil {
		o.Log.Warn("asking for the OS's own DNS", "err", err)
	}
}

// goingOn is send without the word that the daemon is stopping.
func goingOn(send func(string) error) func(string) error {
	return func(state string) error {
		if state == daemon.SdNotifyStopping {
			return nil
		}
		return send(state)
	}
}

// Show publishes how the configuration is.
func (s *Standby) Show(u status.Update) { s.board.Set(StageConfig, u) }

// Stop frees the control socket and returns when nothing of s runs any more.
func (s *Standby) Stop() {
	s.stop()
	s.ended.Wait()
}

// Snapshot implements control.Backend.
func (s *Standby) Snapshot() status.Snapshot { return s.board.Snapshot() }

// History implements control.Backend.
func (s *Standby) History() history.History { return s.recorder.History() }

// Links implements control.Backend.
func (s *Standby) Links() []control.LinkInfo { return []control.LinkInfo{} }

// errStandby answers what needs a running agent.
var errStandby = errors.New("the agent waits for its configuration: see edgeagent status")

// RestartLink implements control.Backend.
func (s *Standby) RestartLink(context.Context, string) error {
	return fmt.Errorf("restarting the link: %w", errStandby)
}

// Tunnels implements control.Backend.
func (s *Standby) Tunnels() []control.TunnelInfo { return []control.TunnelInfo{} }

// CloseTunnel implements control.Backend.
func (s *Standby) CloseTunnel(context.Context, string) error {
	return fmt.Errorf("closing the tunnel: %w", errStandby)
}
