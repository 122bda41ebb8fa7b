package benchproxy

import (
	"context"
	"errors"
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

	besideBulk = 20_000 // µs: what a hand on a keyboard does not feel
)

// echoed is the service whose latency is measured.
var echoed = tunneling.Message{
	Kind: tunneling.Data, Stream: 7, Service: "ECHO", Connection: 1, Payload: zeros[:echoBytes],
}

// latency measures echoes: straight to the destination, through the tunnel,
// and beside bulk transfers on another connection of it.
func (b *bench) latency(ctx context.Context) ([]Row, error) {
	echo, err := listen(ctx, echoAll)
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
	return b.with(ctx, []string{bulk, "ECHO"}, bulk+"="+other+",ECHO="+echo, func(r *rig) ([]Row, error) {
		rows, err := r.latencies(ctx, func() { close(pouring) })
		return append(times("echo straight to the destination", straight, 0, 0), rows...), err
	})
}

func (r *rig) latencies(ctx context.Context, pourNow func()) ([]Row, error) {
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
	return slices.Concat(
		times("echo through the tunnel", alone, 0, 0),
		times("echo beside a bulk download", down, 0, besideBulk),
		times("echo beside a bulk upload", up, 0, besideBulk),
	), nil
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

// echoAll sends back what comes, until the connection ends.
func echoAll(conn net.Conn) { io.Copy(conn, conn) }

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

// times tells the middle and the slowest hundredth, in µs, with their goals.
func times(what string, d []time.Duration, p50, p99 float64) []Row {
	slices.Sort(d)
	micro := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	return []Row{
		{What: what + ", p50", Value: micro(d[len(d)/2]), Goal: p50, Unit: "µs"},
		{What: what + ", p99", Value: micro(d[len(d)*99/100]), Goal: p99, Unit: "µs"},
	}
}
