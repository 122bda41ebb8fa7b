package localproxy

import (
	"testing"
)

func TestQueueKeepsOrderAndBounds(t *testing.T) {
	var pool chunkPool
	q := queue{pool: &pool}
	const limit = 100_000
	want := randomBytes(1, 150_000)
	if n := q.push(want, limit); n != limit || q.size != limit {
		t.Fatalf("took %d, holds %d, want %d", n, q.size, limit)
	}
	if n := q.push(want, limit); n != 0 {
		t.Errorf("took %d more when full", n)
	}
	var got []byte
	for sent := limit; len(got) < len(want); {
		p := q.front()
		p = p[:min(len(p), 7001)]
		got = append(got, p...)
		q.consume(len(p))
		sent += q.push(want[sent:], limit)
	}
	if string(got) != string(want) || q.size != 0 || q.front() != nil {
		t.Errorf("%d bytes came out, %d left", len(got), q.size)
	}
	q.push(want, limit)
	q.clear()
	if q.size != 0 || q.front() != nil || pool.spares > spareLimit {
		t.Errorf("after clear: %d bytes, %d spare chunks", q.size, pool.spares)
	}
}
