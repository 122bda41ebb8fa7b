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

const (
	samples   = 1000
	echoBytes = 64 // a keystroke's worth, with SSH around it
)

// echoed is the service whose latency is measured.
var echoed = tunneling.Message{
	Kind: tunneling.Data, Stream: 7, Service: "ECHO", Connection: 1, Payload: zeros[:echoBytes],
}

// latency measures echoes: straight to the destination, through the tunnel,
// and beside bulk transfers on another connection of it.
func (b *bench) latency(ctx context.Context) ([]row, error) {
	echo, err := listen(ctx, func(conn net.Conn) { io.Copy(conn, conn) })
	if err != nil {
		return nil, err
	}
	pouring := make(chan struct{})
	other, err := listen(ctx, func(conn net.Conn) {
		go io.Copy(io.Discard, conn)
		<-pouring
		pour(conn, endless)
	})
	if err != nil {
		return nil, err
	}
	straight, err := straightEchoes(echo)
	if err != nil {
		return nil, err
	}
	return b.with(ctx, []string{bulk, "ECHO"}, bulk+"="+other+",ECHO="+echo, func(r *rig) ([]row, error) {
		rows, err := r.latencies(ctx, func() { close(pouring) })
		return append([]row{{"echo straight to the destination, p50 / p99", times(straight), ""}}, rows...), err
	})
}

func (r *rig) latencies(ctx context.Context, pourNow func()) ([]row, error) {
	answers := make(chan struct{}, 1)
	r.wire.Handle(func(m tunneling.Message) {
		if m.Service == echoed.Service {
			answers <- struct{}{}
		}
	})
	start := echoed
	start.Kind, start.Payload = tunneling.StreamStart, nil
	if err := errors.Join(r.wire.Send(ctx, start), r.begin(ctx, 1, 1)); err != nil {
		return nil, err
	}
	alone, err := r.echoes(ctx, answers)
	if err != nil {
		return nil, err
	}
	down, err := r.echoesBesideFlood(ctx, answers)
	if err != nil {
		return nil, err
	}
	pourNow()
	up, err := r.echoes(ctx, answers)
	if err != nil {
		return nil, err
	}
	return []row{
		{"echo through the tunnel, p50 / p99", times(alone), "150 us added"},
		{"echo beside a bulk download, p50 / p99", times(down), "p99 20 ms"},
		{"echo beside a bulk upload, p50 / p99", times(up), "p99 20 ms"},
	}, nil
}

func (r *rig) echoesBesideFlood(ctx context.Context, answers <-chan struct{}) ([]time.Duration, error) {
	var stop atomic.Bool
	flooded := make(chan error, 1)
	go func() { flooded <- r.flood(ctx, &stop, 1, endless) }()
	took, err := r.echoes(ctx, answers)
	stop.Store(true)
	return took, errors.Join(err, <-flooded)
}

// echoes measures round trips through the tunnel.
func (r *rig) echoes(ctx context.Context, answers <-chan struct{}) ([]time.Duration, error) {
	var took []time.Duration
	for range samples {
		began := time.Now()
		if err := r.wire.Send(ctx, echoed); err != nil {
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

func straightEchoes(addr string) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var took []time.Duration
	buf := make([]byte, echoBytes)
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

func times(d []time.Duration) string {
	slices.Sort(d)
	return fmt.Sprintf("%s / %s", d[len(d)/2].Round(time.Microsecond), d[len(d)*99/100].Round(time.Microsecond))
}
