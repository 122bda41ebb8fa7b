package localproxy

import (
	"sync/atomic"
	"time"
)

// meterPeriod is the least time between two events of totals.
const meterPeriod = time.Second

// meter counts bytes and tells the totals at most once a period, and only
// when they have changed: an idle tunnel wakes nobody.
type meter struct {
	toDevice, fromDevice atomic.Uint64
	armed                atomic.Bool
	events               func(Event)
}

func (m *meter) in(n int)  { m.count(&m.toDevice, n) }
func (m *meter) out(n int) { m.count(&m.fromDevice, n) }

func (m *meter) count(total *atomic.Uint64, n int) {
	if n <= 0 {
		return
	}
	total.Add(uint64(n))
	if !m.armed.Load() && m.armed.CompareAndSwap(false, true) {
		time.AfterFunc(meterPeriod, m.tell)
	}
}

// tell emits the totals as they are now.
func (m *meter) tell() {
	if m.armed.Swap(false) {
		in, out := m.toDevice.Load(), m.fromDevice.Load()
		m.events(Event{Event: EventBytes, In: &in, Out: &out})
	}
}
