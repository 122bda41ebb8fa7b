package localproxy

import "sync"

const (
	chunkSize  = 16 << 10 // bytes: a TLS record, and a write that a socket takes at once
	spareLimit = 16       // chunks kept for the next burst; more go back to the runtime
)

// chunk is one link of a queue.
type chunk struct {
	r, w int
	next *chunk
	data [chunkSize]byte
}

// chunkPool keeps a few spare chunks, so that a slow reader costs no
// allocation for every frame. The zero value is ready.
type chunkPool struct {
	mu     sync.Mutex
	spare  *chunk
	spares int
	lent   int // chunks in queues
}

// bytes is how much memory the queues take, all together.
func (p *chunkPool) bytes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lent * chunkSize
}

// get returns an empty chunk.
func (p *chunkPool) get() *chunk {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent++
	c := p.spare
	if c == nil {
		return new(chunk)
	}
	p.spare, p.spares = c.next, p.spares-1
	c.r, c.w, c.next = 0, 0, nil
	return c
}

// put takes a chunk back that nobody looks at any more.
func (p *chunkPool) put(c *chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent--
	if p.spares < spareLimit {
		c.next, p.spare, p.spares = p.spare, c, p.spares+1
	}
}

// queue holds bytes on their way to a destination that does not take them at
// once, in chunks, so that it takes no more memory than it holds. Its owner
// locks.
type queue struct {
	pool       *chunkPool
	head, tail *chunk
	size       int // bytes
}

// push appends as much of p as fits below limit bytes and returns how much.
func (q *queue) push(p []byte, limit int) int {
	taken := 0
	for len(p) > 0 && q.size < limit {
		if q.tail == nil || q.tail.w == chunkSize {
			q.grow()
		}
		room := min(chunkSize-q.tail.w, limit-q.size)
		n := copy(q.tail.data[q.tail.w:q.tail.w+room], p)
		q.tail.w += n
		q.size += n
		taken += n
		p = p[n:]
	}
	return taken
}

// grow adds a chunk at the end.
func (q *queue) grow() {
	c := q.pool.get()
	if q.tail == nil {
		q.head = c
	} else {
		q.tail.next = c
	}
	q.tail = c
}

// front returns the oldest bytes, nil if there are none. They stay valid
// until consume.
func (q *queue) front() []byte {
	if q.head == nil {
		return nil
	}
	return q.head.data[q.head.r:q.head.w]
}

// consume removes the n oldest bytes, which front has returned.
func (q *queue) consume(n int) {
	c := q.head
	c.r += n
	q.size -= n
	if c.r < c.w {
		return
	}
	q.head = c.next
	if q.head == nil {
		q.tail = nil
	}
	q.pool.put(c)
}

// clear throws away all that is queued.
func (q *queue) clear() {
	for q.head != nil {
		q.consume(q.head.w - q.head.r)
	}
}
