package benchproxy

import (
	"context"
	"fmt"
	"net"
	"time"

	"edgeagent/internal/lab/tunneling"
)

const (
	settle   = 5 * time.Second // until start-up is over and its memory given back
	idleFor  = 10 * time.Second
	slowFor  = 8 * time.Second
	slowRate = 1e6 // bytes per second
	heldMany = 100
)

// idle measures a tunnel with nothing in it.
func (b *bench) idle(ctx context.Context) ([]Row, error) {
	return b.with(ctx, []string{bulk}, bulk+"=127.0.0.1:1", func(r *rig) ([]Row, error) {
		time.Sleep(settle)
		before, err := r.cpu()
		if err != nil {
			return nil, err
		}
		time.Sleep(idleFor)
		after, err := r.cpu()
		if err != nil {
			return nil, err
		}
		now, peak, err := r.memory()
		if err != nil {
			return nil, err
		}
		return []Row{
			{What: "idle, RSS", Value: megabytes(now), Goal: 12, Unit: "MB"},
			{What: "starting, largest RSS", Value: megabytes(peak), Unit: "MB"},
			{What: "idle, CPU", Value: 100 * (after - before).Seconds() / idleFor.Seconds(), Goal: 0.1, Unit: "%"},
		}, nil
	})
}

// slowUplink has the device pour without end while the service reads slowly.
func (b *bench) slowUplink(ctx context.Context) ([]Row, error) {
	addr, err := listen(ctx, func(conn net.Conn) { pour(conn, endless) })
	if err != nil {
		return nil, err
	}
	return b.with(ctx, []string{bulk}, bulk+"="+addr, func(r *rig) ([]Row, error) {
		r.wire.Handle(func(m tunneling.Message) {
			time.Sleep(time.Duration(float64(len(m.Payload)) / slowRate * float64(time.Second)))
		})
		defer r.wire.Handle(func(tunneling.Message) {}) // lets the child end
		if err := r.begin(ctx, 1, 1); err != nil {
			return nil, err
		}
		time.Sleep(slowFor)
		_, peak, err := r.memory()
		if err != nil {
			return nil, err
		}
		return []Row{{What: "uplink limited to 1 MB/s for 8 s, largest RSS", Value: megabytes(peak), Goal: peakGoal, Unit: "MB"}}, nil
	})
}

// held measures what a connection costs that has been used and is idle.
func (b *bench) held(ctx context.Context) ([]Row, error) {
	addr, err := listen(ctx, echoAll)
	if err != nil {
		return nil, err
	}
	return b.with(ctx, []string{bulk}, bulk+"="+addr, func(r *rig) ([]Row, error) {
		before, err := r.used(ctx, 1, 1)
		if err != nil {
			return nil, err
		}
		after, err := r.used(ctx, 2, 1+heldMany)
		if err != nil {
			return nil, err
		}
		each := float64(after-before) / heldMany / 1e3
		return []Row{{What: fmt.Sprintf("held connection (%d of them)", heldMany), Value: each, Goal: 20, Unit: "kB"}}, nil
	})
}

// used starts connections, sends a byte there and back on each, and returns
// the resident memory afterwards.
func (r *rig) used(ctx context.Context, first, last int) (int64, error) {
	all := newCount(int64(last - first + 1))
	r.wire.Handle(func(m tunneling.Message) { all.add(len(m.Payload)) })
	if err := r.begin(ctx, first, last); err != nil {
		return 0, err
	}
	for c := first; c <= last; c++ {
		if err := r.wire.Send(ctx, data(uint32(c), zeros[:1])); err != nil {
			return 0, err
		}
	}
	<-all.done
	time.Sleep(settle)
	now, _, err := r.memory()
	return now, err
}
