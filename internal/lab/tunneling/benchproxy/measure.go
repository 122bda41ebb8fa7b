package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"edgeagent/internal/lab/tunneling"
)

// measurement is one line or more of the report.
type measurement struct {
	name string
	run  func(*bench, context.Context) ([]row, error)
}

var measurements = []measurement{
	{"idle", (*bench).idle},
	{"down-1", func(b *bench, ctx context.Context) ([]row, error) { return b.down(ctx, 1) }},
	{"down-4", func(b *bench, ctx context.Context) ([]row, error) { return b.down(ctx, 4) }},
	{"down-16", func(b *bench, ctx context.Context) ([]row, error) { return b.down(ctx, 16) }},
	{"up-1", func(b *bench, ctx context.Context) ([]row, error) { return b.up(ctx, 1) }},
	{"up-4", func(b *bench, ctx context.Context) ([]row, error) { return b.up(ctx, 4) }},
	{"up-16", func(b *bench, ctx context.Context) ([]row, error) { return b.up(ctx, 16) }},
	{"slow-uplink", (*bench).slowUplink},
	{"latency", (*bench).latency},
	{"held", (*bench).held},
}

// message payloads are as large as the protocol allows, two to a WebSocket
// message, as the reference program's peers send them.
var zeros [tunneling.MaxPayload]byte

func data(connection uint32, p []byte) tunneling.Message {
	return tunneling.Message{Kind: tunneling.Data, Stream: 1, Service: "BULK", Connection: connection, Payload: p}
}

// begin starts the given number of connections to service BULK.
func (r *rig) begin(ctx context.Context, connections int) error {
	for c := 1; c <= connections; c++ {
		m := tunneling.Message{Kind: tunneling.ConnectionStart, Stream: 1, Service: "BULK", Connection: uint32(c)}
		if c == 1 {
			m.Kind = tunneling.StreamStart
		}
		if err := r.wire.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// listen serves a destination until ctx ends.
func listen(ctx context.Context, serve func(net.Conn)) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr().String(), nil
}

// transfer is what one bulk run cost.
type transfer struct {
	rig   *rig
	bytes int64
	began time.Time
	cpu   time.Duration
}

func (r *rig) beginTransfer(bytes int64) (transfer, error) {
	cpu, err := r.cpu()
	return transfer{r, bytes, time.Now(), cpu}, err
}

// rows ends the transfer.
func (t transfer) rows(name, cpuGoal, rateGoal string) ([]row, error) {
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
		{name + " peak RSS", megabytes(peak), "30.0 MB"},
	}, nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// down moves four transfers' worth to the device over n connections.
func (b *bench) down(ctx context.Context, n int) ([]row, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	total := 4 * b.bytes
	var got atomic.Int64
	all := make(chan struct{})
	addr, err := listen(ctx, func(conn net.Conn) {
		buf := make([]byte, 256<<10)
		for {
			k, err := conn.Read(buf)
			if k > 0 && got.Add(int64(k)) >= total {
				close(all)
			}
			if err != nil {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	r, err := b.start(ctx, []string{"BULK"}, "BULK="+addr)
	if err != nil {
		return nil, err
	}
	if err := r.begin(ctx, n); err != nil {
		return nil, err
	}
	t, err := r.beginTransfer(total)
	if err != nil {
		return nil, err
	}
	if err := r.flood(ctx, new(atomic.Bool), n, total); err != nil {
		return nil, err
	}
	<-all
	rows, err := t.rows(fmt.Sprintf("down, %d connections,", n), "1.20 ms/MB", "323 MB/s")
	if err != nil {
		return nil, err
	}
	return rows, r.close()
}

// flood sends total bytes over n connections in turn, unless stopped before.
func (r *rig) flood(ctx context.Context, stop *atomic.Bool, n int, total int64) error {
	var buf []byte
	for c := 0; total > 0 && !stop.Load(); {
		buf = buf[:0]
		for k := 0; k < 2 && total > 0; k++ {
			p := zeros[:min(int64(len(zeros)), total)]
			buf = data(uint32(c%n+1), p).Append(buf)
			total -= int64(len(p))
			c++
		}
		if err := r.wire.SendRaw(ctx, buf); err != nil {
			return err
		}
	}
	return nil
}

// up moves four transfers' worth from the device over n connections.
func (b *bench) up(ctx context.Context, n int) ([]row, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	each := 4 * b.bytes / int64(n)
	begin := make(chan struct{})
	addr, err := listen(ctx, func(conn net.Conn) {
		<-begin
		pour(conn, each)
	})
	if err != nil {
		return nil, err
	}
	r, err := b.start(ctx, []string{"BULK"}, "BULK="+addr)
	if err != nil {
		return nil, err
	}
	var got atomic.Int64
	all := make(chan struct{})
	r.wire.Handle(func(m tunneling.Message) {
		if k := int64(len(m.Payload)); k > 0 && got.Add(k) == each*int64(n) {
			close(all)
		}
	})
	if err := r.begin(ctx, n); err != nil {
		return nil, err
	}
	t, err := r.beginTransfer(each * int64(n))
	if err != nil {
		return nil, err
	}
	close(begin)
	<-all
	rows, err := t.rows(fmt.Sprintf("up, %d connections,", n), "0.80 ms/MB", "354 MB/s")
	if err != nil {
		return nil, err
	}
	return rows, r.close()
}

// pour writes n bytes.
func pour(conn net.Conn, n int64) {
	buf := make([]byte, 256<<10)
	for n > 0 {
		k, err := conn.Write(buf[:min(int64(len(buf)), n)])
		if err != nil {
			return
		}
		n -= int64(k)
	}
}

const (
	settle     = 5 * time.Second // until start-up is over and its memory given back
	idleFor    = 10 * time.Second
	slowFor    = 8 * time.Second
	slowRate   = 1e6 // bytes per second
	samples    = 1000
	heldNumber = 100
)

// idle measures a tunnel with nothing in it.
func (b *bench) idle(ctx context.Context) ([]row, error) {
	r, err := b.start(ctx, []string{"BULK"}, "BULK=127.0.0.1:1")
	if err != nil {
		return nil, err
	}
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
	return []row{
		{"idle RSS (peak)", megabytes(now) + " (" + megabytes(peak) + ")", "12.0 MB"},
		{"idle CPU", fmt.Sprintf("%.2f%%", 100*(after-before).Seconds()/idleFor.Seconds()), "0.10%"},
	}, r.close()
}

// slowUplink has the device pour without end while the service reads slowly.
func (b *bench) slowUplink(ctx context.Context) ([]row, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	addr, err := listen(ctx, func(conn net.Conn) { pour(conn, 1<<40) })
	if err != nil {
		return nil, err
	}
	r, err := b.start(ctx, []string{"BULK"}, "BULK="+addr)
	if err != nil {
		return nil, err
	}
	r.wire.Handle(func(m tunneling.Message) {
		time.Sleep(time.Duration(float64(len(m.Payload)) / slowRate * float64(time.Second)))
	})
	if err := r.begin(ctx, 1); err != nil {
		return nil, err
	}
	time.Sleep(slowFor)
	_, peak, err := r.memory()
	if err != nil {
		return nil, err
	}
	cancel()
	r.wire.Handle(func(tunneling.Message) {})
	return []row{{"uplink limited to 1 MB/s for 8 s, peak RSS", megabytes(peak), "30.0 MB"}}, r.close()
}

// held measures what a connection costs that does nothing.
func (b *bench) held(ctx context.Context) ([]row, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var open atomic.Int64
	addr, err := listen(ctx, func(conn net.Conn) {
		io.Copy(conn, conn)
	})
	if err != nil {
		return nil, err
	}
	r, err := b.start(ctx, []string{"BULK"}, "BULK="+addr)
	if err != nil {
		return nil, err
	}
	all := make(chan struct{})
	r.wire.Handle(func(m tunneling.Message) {
		if m.Kind == tunneling.Data && open.Add(1) == heldNumber+1 {
			close(all)
		}
	})
	if err := r.begin(ctx, 1); err != nil {
		return nil, err
	}
	if err := r.wire.Send(ctx, data(1, []byte("x"))); err != nil {
		return nil, err
	}
	time.Sleep(settle)
	before, _, err := r.memory()
	if err != nil {
		return nil, err
	}
	for c := 2; c <= heldNumber+1; c++ {
		start := tunneling.Message{Kind: tunneling.ConnectionStart, Stream: 1, Service: "BULK", Connection: uint32(c)}
		if err := r.wire.Send(ctx, start, data(uint32(c), []byte("x"))); err != nil {
			return nil, err
		}
	}
	<-all
	time.Sleep(settle)
	after, _, err := r.memory()
	if err != nil {
		return nil, err
	}
	each := float64(after-before) / heldNumber / 1e3
	return []row{{"held connection (100 of them)", fmt.Sprintf("%.1f KB", each), "20.0 KB"}}, r.close()
}

// latency measures echoes, alone and beside bulk transfers.
func (b *bench) latency(ctx context.Context) ([]row, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	echo, err := listen(ctx, func(conn net.Conn) { io.Copy(conn, conn) })
	if err != nil {
		return nil, err
	}
	pouring := make(chan struct{})
	bulk, err := listen(ctx, func(conn net.Conn) {
		go io.Copy(io.Discard, conn)
		<-pouring
		pour(conn, 1<<40)
	})
	if err != nil {
		return nil, err
	}
	r, err := b.start(ctx, []string{"BULK", "ECHO"}, "BULK="+bulk+",ECHO="+echo)
	if err != nil {
		return nil, err
	}
	answers := make(chan struct{}, 1)
	r.wire.Handle(func(m tunneling.Message) {
		if m.Service == "ECHO" {
			answers <- struct{}{}
		}
	})
	start := tunneling.Message{Kind: tunneling.StreamStart, Stream: 7, Service: "ECHO", Connection: 1}
	if err := r.wire.Send(ctx, start); err != nil {
		return nil, err
	}
	if err := r.begin(ctx, 1); err != nil {
		return nil, err
	}
	direct, err := directEcho(echo)
	if err != nil {
		return nil, err
	}
	alone, err := r.echoes(ctx, answers)
	if err != nil {
		return nil, err
	}
	var stop atomic.Bool
	flooded := make(chan error, 1)
	go func() { flooded <- r.flood(ctx, &stop, 1, 1<<40) }()
	down, err := r.echoes(ctx, answers)
	stop.Store(true)
	if err := errors.Join(err, <-flooded); err != nil {
		return nil, err
	}
	close(pouring)
	up, err := r.echoes(ctx, answers)
	if err != nil {
		return nil, err
	}
	return []row{
		{"echo straight to the destination, p50 / p99", times(direct), ""},
		{"echo through the tunnel, p50 / p99", times(alone), "150 us added"},
		{"echo beside a bulk download, p50 / p99", times(down), "p99 20 ms"},
		{"echo beside a bulk upload, p50 / p99", times(up), "p99 20 ms"},
	}, r.close()
}

func times(d []time.Duration) string {
	slices.Sort(d)
	return fmt.Sprintf("%s / %s", d[len(d)/2].Round(time.Microsecond), d[len(d)*99/100].Round(time.Microsecond))
}

func directEcho(addr string) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var took []time.Duration
	buf := make([]byte, 64)
	for range samples {
		began := time.Now()
		if _, err := conn.Write(buf); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// echoes measures round trips of 64 bytes through the tunnel.
func (r *rig) echoes(ctx context.Context, answers <-chan struct{}) ([]time.Duration, error) {
	m := tunneling.Message{Kind: tunneling.Data, Stream: 7, Service: "ECHO", Connection: 1, Payload: zeros[:64]}
	var took []time.Duration
	for range samples {
		began := time.Now()
		if err := r.wire.Send(ctx, m); err != nil {
			return nil, err
		}
		select {
		case <-answers:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}
