package benchproxy

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"edgeagent/internal/lab/tunneling"
)

// Goals of bulk transfers: the rates that the reference program reaches on two
// cores, and less processor time than it takes.
const (
	rateDown, cpuDown = 323.0, 1.2 // MB/s, ms/MB
	rateUp, cpuUp     = 354.0, 0.8
	peakGoal          = 30.0 // MB
)

// transfer is what one bulk run costs, from its beginning.
type transfer struct {
	rig   *rig
	bytes int64
	began time.Time
	cpu   time.Duration
}

func (r *rig) transfer(bytes int64) (transfer, error) {
	cpu, err := r.cpu()
	return transfer{r, bytes, time.Now(), cpu}, err
}

// rows ends the transfer.
func (t transfer) rows(name string, rateGoal, cpuGoal float64) ([]Row, error) {
	took := time.Since(t.began)
	cpu, err := t.rig.cpu()
	if err != nil {
		return nil, err
	}
	_, peak, err := t.rig.memory()
	if err != nil {
		return nil, err
	}
	mb := float64(t.bytes) / 1e6
	return []Row{
		{What: name + " rate", Value: mb / took.Seconds(), Goal: rateGoal, Unit: "MB/s", More: true},
		{What: name + " CPU", Value: float64((cpu - t.cpu).Milliseconds()) / mb, Goal: cpuGoal, Unit: "ms/MB"},
		{What: name + " largest RSS", Value: megabytes(peak), Goal: peakGoal, Unit: "MB"},
	}, nil
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// down moves four transfers' worth to the device over n connections.
func (b *bench) down(ctx context.Context, n int) ([]Row, error) {
	total := 4 * b.bytes
	all := newCount(total)
	addr, err := listen(ctx, func(conn net.Conn) {
		buf := make([]byte, 256<<10)
		for {
			k, err := conn.Read(buf)
			all.add(k)
			if err != nil {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return b.with(ctx, []string{bulk}, bulk+"="+addr, func(r *rig) ([]Row, error) {
		if err := r.begin(ctx, 1, n); err != nil {
			return nil, err
		}
		t, err := r.transfer(total)
		if err != nil {
			return nil, err
		}
		if err := r.flood(ctx, new(atomic.Bool), n, total); err != nil {
			return nil, err
		}
		<-all.done
		return t.rows(fmt.Sprintf("down, %d connections,", n), rateDown, cpuDown)
	})
}

// up moves four transfers' worth from the device over n connections.
func (b *bench) up(ctx context.Context, n int) ([]Row, error) {
	each := 4 * b.bytes / int64(n)
	total := each * int64(n)
	begin := make(chan struct{})
	addr, err := listen(ctx, func(conn net.Conn) {
		<-begin
		pour(conn, each)
	})
	if err != nil {
		return nil, err
	}
	return b.with(ctx, []string{bulk}, bulk+"="+addr, func(r *rig) ([]Row, error) {
		all := newCount(total)
		r.wire.Handle(func(m tunneling.Message) { all.add(len(m.Payload)) })
		if err := r.begin(ctx, 1, n); err != nil {
			return nil, err
		}
		t, err := r.transfer(total)
		if err != nil {
			return nil, err
		}
		close(begin)
		<-all.done
		return t.rows(fmt.Sprintf("up, %d connections,", n), rateUp, cpuUp)
	})
}

// count closes done when it has counted all.
type count struct {
	left atomic.Int64
	done chan struct{}
}

func newCount(all int64) *count {
	c := &count{done: make(chan struct{})}
	c.left.Store(all)
	return c
}

func (c *count) add(n int) {
	if n > 0 && c.left.Add(-int64(n)) == 0 {
		close(c.done)
	}
}
