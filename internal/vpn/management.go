package vpn

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// maxLine bounds one management line. OpenVPN's own are at most a few KB.
const maxLine = 64 << 10

// management is the connection to OpenVPN's management socket.
type management struct {
	conn   net.Conn
	in     chan message // closed when the connection ends
	closed chan struct{}
	once   sync.Once
	rest   []byte // the beginning of a line, once in is closed by a deadline
}

// newManagement reads conn until it is closed; before was read of it already.
func newManagement(conn net.Conn, before []byte) *management {
	m := &management{conn: conn, in: make(chan message), closed: make(chan struct{})}
	go m.read(io.MultiReader(bytes.NewReader(before), conn))
	return m
}

// read parses lines as they come. Lines arrive split and several at once; a
// line longer than maxLine ends the connection, as nothing after it can be trusted.
func (m *management) read(r io.Reader) {
	defer close(m.in)
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			m.rest = bytes.Clone(line)
			return
		}
		select {
		case m.in <- parse(strings.TrimRight(string(line), "\r\n")):
		case <-m.closed:
			return
		}
	}
}

// release ends the reading, and the connection stays. What has been read goes
// to hear; half a line is returned.
func (m *management) release(hear func(message)) (rest []byte) {
	_ = m.conn.SetReadDeadline(time.Unix(1, 0))
	for line := range m.in {
		hear(line)
	}
	return m.rest
}

// send writes one command. Answers are not waited for: what a command does
// shows in the states that follow, and answers come interleaved with them.
func (m *management) send(command string) error {
	if err := m.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return fmt.Errorf("commanding OpenVPN: %w", err)
	}
	if _, err := m.conn.Write([]byte(command + "\n")); err != nil {
		return fmt.Errorf("commanding OpenVPN: %w", err)
	}
	return nil
}

// close ends the connection. OpenVPN goes on without it (there is no
// management-signal in its options) and would wait at its next hold.
func (m *management) close() {
	m.once.Do(func() { close(m.closed) })
	m.conn.Close()
}

// errGone is returned for a process that ended before it listened.
var errGone = errors.New("OpenVPN ended before it listened")

// dialSocket connects to OpenVPN's socket, which appears a few milliseconds
// after the process: it tries until ctx ends or the process does.
func dialSocket(ctx context.Context, socket string, gone <-chan struct{}) (net.Conn, error) {
	const every = 10 * time.Millisecond
	retry := time.NewTicker(every)
	defer retry.Stop()
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "unix", socket)
		if err == nil {
			return conn, nil
		}
		select {
		case <-retry.C:
		case <-gone:
			return nil, errGone
		case <-ctx.Done():
			return nil, fmt.Errorf("connecting to OpenVPN: %w", err)
		}
	}
}
