package faults

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// streamEvery paces the stream, drainTime bounds how long what was queued may
// take to arrive once all is well.
const (
	streamEvery = 200 * time.Millisecond
	drainTime   = 20 * time.Second
)

// tally is what became of the stream.
type tally struct {
	sent       int // messages that the broker has taken
	lost       int // of those, the ones that the device never acknowledged, or acknowledged unread
	duplicated int
}

// stream publishes messages for the device at QoS 1 from start to finish,
// however the path is. None is a notification that opens a tunnel: the daemon
// counts each as refused, which is how it is seen that it has read it.
type stream struct {
	lab   *lab.Lab
	agent *lab.Agent
	begun status.Snapshot

	stop chan struct{}
	sent chan int
}

// startStream begins to publish.
func startStream(ctx context.Context, l *lab.Lab, a *lab.Agent) (*stream, error) {
	begun, err := a.Peek(ctx)
	if err != nil {
		return nil, err
	}
	s := &stream{lab: l, agent: a, begun: begun, stop: make(chan struct{}), sent: make(chan int, 1)}
	go s.run(ctx)
	return s, nil
}

// run publishes one message after the other; one that is not taken is repeated.
func (s *stream) run(ctx context.Context) {
	o := office{dial: s.lab.DialOffice}
	defer o.close()
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	for number := 0; ; {
		select {
		case <-tick.C:
			if s.publish(ctx, &o, number) == nil {
				number++
			}
		case <-s.stop:
			s.sent <- number
			return
		}
	}
}

func (s *stream) publish(ctx context.Context, o *office, number int) error {
	const begin, end = `{"padding": "`, `"}`
	padding := strings.Repeat(".", firstLength+number-len(begin)-len(end))
	payload := []byte(begin + padding + end)
	if s.lab.AWS != nil {
		return s.lab.Publish(ctx, lab.NotifyTopic, payload)
	}
	return o.publish(ctx, lab.NotifyTopic, payload)
}

// finish ends the stream and waits until every message has arrived.
func (s *stream) finish(ctx context.Context) (t tally, err error) {
	close(s.stop)
	t.sent = <-s.sent
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	err = lab.Poll(ctx, streamEvery, func() error {
		if err := s.count(ctx, &t); err != nil {
			return err
		}
		if t.lost > 0 {
			return fmt.Errorf("%d of %d messages have not arrived", t.lost, t.sent)
		}
		return nil
	})
	if t.lost > 0 {
		return t, nil // it is what the row shows
	}
	return t, err
}

// count fills in what was lost and doubled up to now. What the daemon has read is
// counted by itself as long as it is the same process; else the broker's
// repetitions bound it from above.
func (s *stream) count(ctx context.Context, t *tally) error {
	now, err := s.agent.Peek(ctx)
	if err != nil {
		return err
	}
	read := refused(now) - refused(s.begun)
	restarted := !now.Started.Equal(s.begun.Started)
	log, err := os.Open(s.lab.BrokerLog())
	if err != nil {
		return err
	}
	defer log.Close()
	l, err := readLedger(log)
	if err != nil {
		return err
	}
	t.lost = len(l.missing(t.sent))
	if restarted {
		t.duplicated = l.repeated()
		return nil
	}
	// A message that was acknowledged and never read is lost as well.
	t.lost += max(0, l.acknowledged()-read)
	t.duplicated = max(0, read-l.acknowledged())
	return nil
}

// refused is how many notifications the daemon has read and not acted upon.
func refused(s status.Snapshot) int {
	c, _ := s.Stage("tunnel")
	n, _ := c.Facts.Number("refused")
	return int(n)
}

// ours reports whether a finding is the stream's doing: the tunnel stage names
// the last notification that it refused for ten minutes.
func ours(f *status.Finding) bool {
	return f.Stage == "tunnel" && f.Reason == status.ReasonRefused &&
		(strings.Contains(f.Detail, "malformed notification") || strings.Contains(f.Detail, "notifications at once"))
}
