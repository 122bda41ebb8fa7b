package resolver

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/miekg/dns"
)

// maxIdleReaders bounds the readers that are kept for queries to come. Their
// stacks have grown already, which costs a new goroutine as much as an answer.
const maxIdleReaders = 4

// readers take turns at the UDP socket. Whoever has the turn reads, and answers
// what it has read itself, without handing it to somebody else. If others have to
// be asked for that, it passes the turn on before.
type readers struct {
	ctx     context.Context // ends the reading
	ended   func(error)     // is called when it has ended
	stub    *Stub
	running *serving
	conn    *net.UDPConn
	buf     []byte        // of whoever has the turn
	turn    chan struct{} // to a reader that is idle
	idle    atomic.Int32
}

func newReaders(ctx context.Context, ended func(error), s *Stub, running *serving, conn *net.UDPConn) *readers {
	return &readers{
		ctx: ctx, ended: ended, stub: s, running: running, conn: conn,
		buf: make([]byte, dns.MaxMsgSize), turn: make(chan struct{}),
	}
}

// read is one reader, which has the turn. It returns when the reading has ended, or
// when there are enough others.
func (r *readers) read() {
	for {
		passed, err := r.serveOne()
		switch {
		case err != nil || !passed && r.ctx.Err() != nil:
			r.ended(err)
			return
		case passed && !r.awaitTurn():
			return
		}
	}
}

// serveOne reads one query and answers it.
func (r *readers) serveOne() (passed bool, err error) {
	n, from, err := r.conn.ReadFromUDPAddrPort(r.buf)
	switch {
	case r.ctx.Err() != nil:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading a query: %w", err)
	case !from.Addr().Unmap().IsLoopback():
		return false, nil // this device only, and no answer that could be aimed at others
	}
	write := func(answer []byte) {
		_, _ = r.conn.WriteToUDPAddrPort(answer, from) // a client that is gone is its own affair
	}
	r.stub.handle(r.running, r.buf[:n], true, write, func(answer func()) {
		passed = true
		r.pass()
		answer()
	})
	return passed, nil
}

// pass gives the turn to an idle reader, or to a new one.
func (r *readers) pass() {
	select {
	case r.turn <- struct{}{}:
	default:
		r.running.Go(r.read)
	}
}

// awaitTurn reports whether the turn came; if not, this reader is not needed.
func (r *readers) awaitTurn() bool {
	defer r.idle.Add(-1)
	if r.idle.Add(1) > maxIdleReaders {
		return false
	}
	select {
	case <-r.turn:
		return true
	case <-r.ctx.Done():
		return false
	}
}
