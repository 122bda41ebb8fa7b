package benchproxy

import (
	"context"
	"net"
	"sync/atomic"

	"edgeagent/internal/lab/tunneling"
)

// bulk is the service that transfers go through.
const bulk = "BULK"

// zeros is the longest payload, which is what a busy source sends.
var zeros [tunneling.MaxPayload]byte

func data(connection uint32, p []byte) tunneling.Message {
	return tunneling.Message{Kind: tunneling.Data, Stream: 1, Service: bulk, Connection: connection, Payload: p}
}

// begin starts the connections first to last of the bulk service.
func (r *rig) begin(ctx context.Context, first, last int) error {
	for c := first; c <= last; c++ {
		m := tunneling.Message{Kind: tunneling.ConnectionStart, Stream: 1, Service: bulk, Connection: uint32(c)}
		if c == 1 {
			m.Kind = tunneling.StreamStart
		}
		if err := r.wire.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// flood sends total bytes over n connections in turn, two payloads to a
// WebSocket message, unless stopped before.
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

// listen serves a destination until ctx ends and returns its address.
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

// pour writes n bytes, or until conn ends.
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

// endless is more than any measurement takes, in bytes.
const endless = 1 << 50
