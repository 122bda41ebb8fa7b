package localproxy

import (
	"context"
	"errors"
	"net"
	"time"
)

// race calls dial for each address, the next one when stagger has passed or
// the one before has failed, and returns the first connection made. It differs
// from net.Dialer in that one silent address never costs the others their time.
func race(ctx context.Context, addrs []string, stagger time.Duration,
	dial func(ctx context.Context, addr string) (net.Conn, error)) (net.Conn, error) {

	if len(addrs) == 1 { // by far the most, and cheaper
		return dial(ctx, addrs[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result)
	start := func(addr string) {
		conn, err := dial(ctx, addr)
		select {
		case results <- result{conn, err}:
		case <-ctx.Done():
			closeLoser(conn)
		}
	}
	var failures []error
	timer := time.NewTimer(0)
	defer timer.Stop()
	for next := 0; len(failures) < len(addrs); {
		select {
		case <-timer.C:
			if next < len(addrs) {
				go start(addrs[next])
				next++
				timer.Reset(stagger)
			}
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			failures = append(failures, r.err)
			timer.Reset(0)
		case <-ctx.Done():
			return nil, errors.Join(append(failures, context.Cause(ctx))...)
		}
	}
	return nil, errors.Join(failures...)
}

func closeLoser(conn net.Conn) {
	if conn != nil {
		conn.Close()
	}
}
