package localproxy

import (
	"sync"
	"time"
)

// locals are all connections of a Proxy, also those that outlive their session
// because their destination has not taken all yet.
type locals struct {
	chunks chunkPool
	max    int

	mu   sync.Mutex
	all  map[*connection]struct{}
	idle chan struct{} // closed when all is empty; nil while nobody waits
}

func newLocals(max int) *locals { return &locals{max: max, all: map[*connection]struct{}{}} }

// add reports false if there are too many already.
func (l *locals) add(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) >= l.max {
		return false
	}
	l.all[c] = struct{}{}
	return true
}

// remove is called when nothing of c is left: no goroutine, no socket.
func (l *locals) remove(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, c)
	if len(l.all) == 0 && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// wait returns when every connection has ended; what has not ended within
// limit is closed with all that is queued for it.
func (l *locals) wait(limit time.Duration) {
	idle := l.whenIdle()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-idle:
		return
	case <-timer.C:
	}
	for _, c := range l.list() {
		c.abandon("cut off: its destination took too long")
	}
	<-idle
}

// whenIdle returns a channel that is closed when there is no connection.
func (l *locals) whenIdle() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	idle := make(chan struct{})
	if len(l.all) == 0 {
		close(idle)
	} else {
		l.idle = idle
	}
	return idle
}

// list returns a copy: to end a connection is to change the map.
func (l *locals) list() []*connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*connection, 0, len(l.all))
	for c := range l.all {
		all = append(all, c)
	}
	return all
}
