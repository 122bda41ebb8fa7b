package localproxy

import (
	"context"
	"errors"
	"net"
	"time"
)

// dialFunc connects to one address.
type dialFunc func(ctx context.Context, addr string) (net.Conn, error)

// attempt is what came of one dial.
type attempt struct {
	conn net.Conn
	err  error
}

// race calls dial for each address, the next one when stagger has passed or
// the one before has failed, and returns the first connection made. It differs
// from net.Dialer in that one silent address never costs the others their time.
func race(ctx context.Context, addrs []string, stagger time.Duration, dial dialFunc) (net.Conn, error) {
	if len(addrs) == 1 { // by far the most, and cheaper
		return dial(ctx, addrs[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Not buffered: whoever comes after the end sees that it has come, and
	// closes what it has made.
	attempts := make(chan attempt)
	// The timer starts the next one; a failure makes it do so at once.
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failures []error
	for next := 0; len(failures) < len(addrs); {
		select {
		case <-timer.C:
			if next < len(addrs) {
				go try(ctx, addrs[next], dial, attempts)
				next++
				timer.Reset(stagger)
			}
		case a := <-attempts:
			if a.err == nil {
				return a.conn, nil
			}
			failures = append(failures, a.err)
			timer.Reset(0)
		case <-ctx.Done():
			return nil, errors.Join(append(failures, context.Cause(ctx))...)
		}
	}
	return nil, errors.Join(failures...)
}

// try is one address's part in a race.
func try(ctx context.Context, addr string, dial dialFunc, attempts chan<- attempt) {
	conn, err := dial(ctx, addr)
	select {
	case attempts <- attempt{conn, err}:
	case <-ctx.Done():
		if err == nil {
			conn.Close()
		}
	}
}
