package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Policy of serving.
const (
	maxTCPConns     = 64
	tcpIdle         = 10 * time.Second // RFC 7766, section 6.2.3: a few seconds
	tcpWriteTimeout = 2 * time.Second
	overloadQuiet   = time.Minute // between two log lines
	acceptPause     = 100 * time.Millisecond
	maxListenTries  = 10
	// drainFor is how long questions under way still get their answers when the
	// stub stops: they have left the socket, the next process cannot see them.
	drainFor = time.Second
)

// listener is the pair of sockets of one Listen.
type listener struct {
	addr netip.AddrPort
	udp  *net.UDPConn
	tcp  *net.TCPListener
}

// stopReading leaves what is asked from now on to whoever serves next.
func (l *listener) stopReading() {
	_ = l.udp.SetReadDeadline(aLongTimeAgo)
	_ = l.tcp.SetDeadline(aLongTimeAgo)
}

// aLongTimeAgo as a deadline ends what is under way.
var aLongTimeAgo = time.Unix(1, 0)

func (l *listener) close() {
	_ = l.udp.Close()
	_ = l.tcp.Close()
}

// Listen binds UDP and TCP on the configured address, which must be loopback.
// If the port is taken, the error says by whom as far as /proc tells. It does
// nothing if the stub listens already.
func (s *Stub) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	if !s.config.Listen.Addr().IsLoopback() {
		return fmt.Errorf("listening on %s: the stub serves this device only, give a loopback address", s.config.Listen)
	}
	l, err := listen(s.config.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: taken by %s", err, holder(s.config.Listen))
	}
	if err != nil {
		return err
	}
	s.listener = l
	return nil
}

// listen binds both transports to one port. A port that the kernel chose for
// UDP may be another's over TCP: then it chooses again.
func listen(addr netip.AddrPort) (*listener, error) {
	for tries := 1; ; tries++ {
		l, err := listenOnce(addr)
		if err == nil || addr.Port() != 0 || tries == maxListenTries || !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
	}
}

func listenOnce(addr netip.AddrPort) (*listener, error) {
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listening on %s over UDP: %w", addr, err)
	}
	// With port 0 the kernel has chosen one.
	addr = netip.AddrPortFrom(addr.Addr(), udp.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		_ = udp.Close()
		return nil, fmt.Errorf("listening on %s over TCP: %w", addr, err)
	}
	return &listener{addr: addr, udp: udp, tcp: tcp}, nil
}

// Serve answers until ctx ends, and for a moment more what has been asked by
// then; it returns nil then. It calls Listen unless that has been done, and
// closes the sockets before it returns.
func (s *Stub) Serve(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return err
	}
	s.mu.Lock()
	l := s.listener
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answering, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	context.AfterFunc(ctx, func() {
		l.stopReading()
		pause(answering, drainFor)
		end()
	})

	running := serving{answering: answering}
	var udpErr, tcpErr error
	running.Go(newReaders(ctx, func(err error) { defer cancel(); udpErr = err }, s, &running, l.udp).read)
	running.Go(func() { defer cancel(); tcpErr = s.serveTCP(ctx, &running, l.tcp) })
	s.log.Info("DNS stub listens", "address", l.addr, "domains", s.config.Domains)
	running.Wait()
	l.close()
	s.mu.Lock()
	s.listener = nil
	s.mu.Unlock()
	return errors.Join(udpErr, tcpErr)
}

// serving is what one Serve, or one connection in it, has under way.
type serving struct {
	sync.WaitGroup
	answering context.Context // ends a moment after the reading does
}

// handle answers one raw message by calling write at most once. If others have to
// be asked first, run is called with what may wait for them; raw is done with then.
func (s *Stub) handle(running *serving, raw []byte, udp bool, write func([]byte), run func(func())) {
	q, answer := s.begin(raw, udp)
	if q == nil {
		if answer != nil {
			write(answer)
		}
		return
	}
	slots := s.slots[0]
	if q.scope == scopePrivate {
		slots = s.slots[1]
	}
	if !slots.take() {
		write(q.pack(s.refuseLoad(q)))
		return
	}
	run(func() {
		defer slots.give()
		ctx, finish := withAfterwards(running.answering)
		defer finish()
		write(q.pack(s.resolve(ctx, q)))
	})
}

// begin answers a raw message at once, or returns the query that has to be
// resolved. Both are nil if there is nothing to say.
func (s *Stub) begin(raw []byte, udp bool) (*query, []byte) {
	q, refusal := s.parse(raw, udp)
	if q == nil {
		return nil, refusal
	}
	r := s.local(q)
	if r == nil {
		r = s.cache.get(q.key())
	}
	if r == nil {
		return q, nil
	}
	return nil, q.pack(r)
}

func (s *Stub) refuseLoad(q *query) *reply {
	if s.overloaded.due() {
		s.log.Warn("too many DNS queries in flight, new ones are refused", "limit", maxInFlight)
	}
	return s.unanswered(q, ede(dns.ExtendedErrorCodeOther, "too many queries in flight"))
}

// overload paces the log line.
type overload struct {
	mu   sync.Mutex
	last time.Time
}

func (o *overload) due() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.last.IsZero() && time.Since(o.last) < overloadQuiet {
		return false
	}
	o.last = time.Now()
	return true
}

func (s *Stub) serveTCP(ctx context.Context, running *serving, l *net.TCPListener) error {
	conns := make(chan struct{}, maxTCPConns)
	for {
		conn, err := l.AcceptTCP()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			pause(ctx, acceptPause)
			continue
		case err != nil:
			return fmt.Errorf("accepting a connection: %w", err)
		case !conn.RemoteAddr().(*net.TCPAddr).IP.IsLoopback():
			_ = conn.Close()
			continue
		}
		select {
		case conns <- struct{}{}:
			running.Go(func() {
				defer func() { <-conns }()
				s.serveConn(ctx, running.answering, conn)
			})
		default:
			_ = conn.Close()
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// serveConn answers the queries of one connection, each as soon as its answer
// is there (RFC 7766, section 6.2.1.1).
func (s *Stub) serveConn(ctx, answering context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(aLongTimeAgo) })()
	defer context.AfterFunc(answering, func() { _ = conn.Close() })()
	running := serving{answering: answering}
	defer running.Wait() // a client may close its side and wait for the answers
	var writing sync.Mutex
	write := func(answer []byte) {
		writing.Lock()
		defer writing.Unlock()
		_ = writeFrame(conn, answer)
	}
	for ctx.Err() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(tcpIdle))
		if ctx.Err() != nil {
			return // or the new deadline would cover the one that ends this
		}
		raw, err := readFrame(conn)
		if err != nil {
			return
		}
		s.handle(&running, raw, false, write, running.Go)
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	raw := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, raw)
	return raw, err
}

// writeFrame writes length and message in one segment (RFC 7766, section 8).
func writeFrame(conn net.Conn, raw []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(tcpWriteTimeout)); err != nil {
		return err
	}
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(raw)), uint16(len(raw))), raw...))
	return err
}
