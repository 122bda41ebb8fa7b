package localproxy

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// EventsEnv names the environment variable that holds the number of the file
// descriptor to which events are written.
const EventsEnv = "EDGEAGENT_EVENTS_FD"

const (
	pipeBacklog  = 256             // events that wait for a slow parent
	pipePatience = 2 * time.Second // how long Close waits for it
)

// EventPipe writes events as JSON lines to a pipe from the parent. A parent
// that does not read loses events, it never stops the tunnel.
type EventPipe struct {
	file  *os.File
	lines chan []byte
	gone  chan struct{}
	once  sync.Once
	wg    sync.WaitGroup

	mu     sync.Mutex
	closed bool
}

// NewEventPipe takes over fd, which must be the writing end of a pipe.
func NewEventPipe(fd int) (*EventPipe, error) {
	unix.CloseOnExec(fd)
	// The runtime's poller takes it only so, and Close can then set a deadline.
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("using fd %d for events: %w", fd, err)
	}
	p := &EventPipe{
		file:  os.NewFile(uintptr(fd), "events"),
		lines: make(chan []byte, pipeBacklog),
		gone:  make(chan struct{}),
	}
	raw, err := p.file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("using fd %d for events: %w", fd, err)
	}
	p.wg.Go(p.write)
	go p.watch(raw)
	return p, nil
}

// Send queues e. It never waits.
func (p *EventPipe) Send(e Event) {
	line, err := json.Marshal(e)
	if err != nil {
		return // cannot be: Event is plain data
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	select { // a parent that does not read loses events
	case p.lines <- append(line, '\n'):
	default:
	}
}

// Gone is closed when the parent has closed its end: nobody is there to whom
// this process belongs.
func (p *EventPipe) Gone() <-chan struct{} { return p.gone }

// Close writes what is queued, as far as the parent takes it.
func (p *EventPipe) Close() error {
	p.mu.Lock()
	p.closed = true
	close(p.lines)
	p.mu.Unlock()
	_ = p.file.SetWriteDeadline(time.Now().Add(pipePatience))
	p.wg.Wait()
	return p.file.Close()
}

// write goes on after an error, so that Send and Close find someone to take
// their lines.
func (p *EventPipe) write() {
	for line := range p.lines {
		if _, err := p.file.Write(line); err != nil {
			p.lost()
		}
	}
}

// lost tells that the parent is gone.
func (p *EventPipe) lost() { p.once.Do(func() { close(p.gone) }) }

// watch notices the parent's end without writing: the kernel flags an error on
// a pipe that nobody can read any more.
func (p *EventPipe) watch(raw syscall.RawConn) {
	closed := false
	err := raw.Read(func(fd uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		_, _ = unix.Poll(poll, 0)
		closed = poll[0].Revents&unix.POLLERR != 0
		return closed
	})
	if err == nil && closed {
		p.lost()
	}
}
