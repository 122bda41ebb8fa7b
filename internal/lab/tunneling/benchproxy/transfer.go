package main

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
	rateDown, cpuDown = "323 MB/s", "1.20 ms/MB"
	rateUp, cpuUp     = "354 MB/s", "0.80 ms/MB"
	peakGoal          = "30.0 MB"
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
func (t transfer) rows(name, rateGoal, cpuGoal string) ([]row, error) {
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
	return []row{
		{name + " rate", fmt.Sprintf("%.0f MB/s", mb/took.Seconds()), rateGoal},
		{name + " CPU", fmt.Sprintf("%.2f ms/MB", float64((cpu-t.cpu).Milliseconds())/mb), cpuGoal},
		{name + " peak RSS", megabytes(peak), peakGoal},
	}, nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// down moves four transfers' worth to the device over n connections.
func (b *bench) down(ctx context.Context, n int) ([]row, error) {
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
	return b.with(ctx, []string{bulk}, bulk+"="+addr, func(r *rig) ([]row, error) {
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
func (b *bench) up(ctx context.Context, n int) ([]row, error) {
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
	return b.with(ctx, []string{bulk}, bulk+"="+addr, func(r *rig) ([]row, error) {
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
