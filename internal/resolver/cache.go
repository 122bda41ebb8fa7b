package resolver

import (
	"container/list"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Policy of the cache.
const (
	maxEntries   = 1000
	maxEntrySize = 4096 // bytes packed: with maxEntries at most 4 MB, in truth about 200 kB
	// maxNegative bounds how long a name that has been put right stays missing.
	// A private hosted zone of Route 53 asks for 15 minutes.
	maxNegative = time.Minute
)

// key is what makes two questions the same. The class is always IN.
type key struct {
	name   string // wire form
	qtype  uint16
	do, cd bool
}

// cache keeps answers for as long as their TTL allows, the least recently used
// goes first. It is safe for concurrent use.
type cache struct {
	size int

	mu      sync.Mutex
	entries map[key]*list.Element
	recent  list.List // of *entry, the most recently used in front
	epoch   uint64    // counts flushes
}

// entry is one answer. It is kept packed: a fifth of the memory, and nobody can
// change what others read.
type entry struct {
	key     key
	packed  []byte
	private bool
	stored  time.Time
	ttl     time.Duration
}

func newCache(size int) *cache {
	return &cache{size: size, entries: map[key]*list.Element{}}
}

// get returns a copy of the answer with its TTLs counted down, or nil.
func (c *cache) get(k key) *reply {
	e, age := c.find(k)
	if e == nil {
		return nil
	}
	var m dns.Msg
	if m.Unpack(e.packed) != nil {
		return nil
	}
	r := replyOf(&m)
	r.private = e.private
	for _, section := range r.sections() {
		for _, rr := range section {
			rr.Header().Ttl -= min(rr.Header().Ttl, uint32(age/time.Second))
		}
	}
	return r
}

func (c *cache) find(k key) (*entry, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[k]
	if el == nil {
		return nil, 0
	}
	e := el.Value.(*entry)
	age := time.Since(e.stored)
	if age >= e.ttl {
		c.remove(el)
		return nil, 0
	}
	c.recent.MoveToFront(el)
	return e, age
}

// put keeps an answer that may be kept. A private one that was asked for before
// the last flush, which epoch tells, comes too late.
func (c *cache) put(k key, r *reply, epoch uint64) {
	ttl := r.lifetime(k.qtype)
	if ttl <= 0 {
		return
	}
	m := dns.Msg{MsgHdr: dns.MsgHdr{Rcode: r.rcode}, Compress: true, Answer: r.answer, Ns: r.ns, Extra: r.extra}
	packed, err := m.Pack()
	if err != nil || len(packed) > maxEntrySize {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.private && epoch != c.epoch {
		return
	}
	if el := c.entries[k]; el != nil {
		c.remove(el)
	}
	c.entries[k] = c.recent.PushFront(&entry{k, packed, r.private, time.Now(), ttl})
	if len(c.entries) > c.size {
		c.remove(c.recent.Back())
	}
}

// flushPrivate forgets what came from the VPC.
func (c *cache) flushPrivate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for el := c.recent.Front(); el != nil; {
		next := el.Next()
		if el.Value.(*entry).private {
			c.remove(el)
		}
		el = next
	}
}

func (c *cache) now() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// remove takes an element out; c.mu is held.
func (c *cache) remove(el *list.Element) {
	delete(c.entries, el.Value.(*entry).key)
	c.recent.Remove(el)
}

// lifetime is how long an answer may be kept: the least TTL in it, and for
// "no" what the zone's SOA allows (RFC 2308, section 5). Zero: not at all.
func (r *reply) lifetime(qtype uint16) time.Duration {
	if r.transient || r.rcode != dns.RcodeSuccess && r.rcode != dns.RcodeNameError {
		return 0
	}
	ttl, soa := maxTTL, false
	for _, section := range r.sections() {
		for _, rr := range section {
			ttl = min(ttl, seconds(rr.Header().Ttl))
		}
	}
	if r.positive(qtype) {
		return ttl
	}
	for _, rr := range r.ns {
		if rr, ok := rr.(*dns.SOA); ok {
			ttl, soa = min(ttl, seconds(rr.Minttl)), true
		}
	}
	if !soa {
		return 0
	}
	return min(ttl, maxNegative)
}

// positive reports whether the answer holds what was asked for.
func (r *reply) positive(qtype uint16) bool {
	if r.rcode != dns.RcodeSuccess {
		return false
	}
	for _, rr := range r.answer {
		if rr.Header().Rrtype == qtype || qtype == dns.TypeANY {
			return true
		}
	}
	return false
}
