package vpn

import (
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes of IPv4 headers, in bytes. A TCP segment of Linux carries a time stamp
// option (RFC 7323) unless the far side does not.
const (
	udpHeaders = 20 + 8
	tcpHeaders = 20 + 20 + 12
)

// meterSlots of an hour make the day over which a Meter counts.
const meterSlots = 24

// Meter counts the bytes that the agent itself sends and receives through each
// device, as the network sees them: with headers, handshakes and retransmitted
// segments. It knows of what is given to Wrap and Add. The zero Meter is ready;
// its methods are safe for concurrent use.
type Meter struct {
	mu      sync.Mutex
	devices map[string]*metered
}

// metered is what went through one device.
type metered struct {
	slots [meterSlots]int64
	hour  int64 // of the newest slot, since 1970
	conns map[*tcpMeter]struct{}
}

// Add counts bytes that went through a device now, in either direction.
func (m *Meter) Add(device string, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.device(device).add(time.Now(), int64(bytes))
}

// Day returns the bytes of the last 24 hours, to the hour.
func (m *Meter) Day(device string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.device(device)
	for c := range d.conns {
		d.add(time.Now(), c.news())
	}
	d.move(time.Now())
	var sum int64
	for _, n := range d.slots {
		sum += n
	}
	return sum
}

// Wrap returns a connection that is counted for a device, until it is closed.
// A packet connection stays one.
func (m *Meter) Wrap(device string, c net.Conn) net.Conn {
	switch c := c.(type) {
	case *net.UDPConn:
		return &udpMeter{UDPConn: c, count: func(n int) { m.Add(device, n+udpHeaders) }}
	case *net.TCPConn:
		t := &tcpMeter{TCPConn: c}
		m.mu.Lock()
		defer m.mu.Unlock()
		d := m.device(device)
		t.forget = sync.OnceFunc(func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			d.add(time.Now(), t.news())
			delete(d.conns, t)
		})
		d.conns[t] = struct{}{}
		return t
	}
	return c
}

// device returns a device's counters; m.mu is held.
func (m *Meter) device(name string) *metered {
	if m.devices == nil {
		m.devices = map[string]*metered{}
	}
	d := m.devices[name]
	if d == nil {
		d = &metered{conns: map[*tcpMeter]struct{}{}}
		m.devices[name] = d
	}
	return d
}

// add counts bytes for the hour of now.
func (d *metered) add(now time.Time, n int64) {
	d.move(now)
	d.slots[d.hour%meterSlots] += n
}

// move makes room for the hour of now; hours that are a day old are forgotten.
// A clock that was set back counts on in the newest.
func (d *metered) move(now time.Time) {
	hour := now.Unix() / int64(time.Hour/time.Second)
	if hour-d.hour >= meterSlots {
		d.slots, d.hour = [meterSlots]int64{}, hour
	}
	for d.hour < hour {
		d.hour++
		d.slots[d.hour%meterSlots] = 0
	}
}

// udpMeter counts datagrams as they go by.
type udpMeter struct {
	*net.UDPConn
	count func(n int)
}

// Read implements net.Conn.
func (u *udpMeter) Read(b []byte) (int, error) {
	n, err := u.UDPConn.Read(b)
	if err == nil {
		u.count(n)
	}
	return n, err
}

// Write implements net.Conn.
func (u *udpMeter) Write(b []byte) (int, error) {
	n, err := u.UDPConn.Write(b)
	if err == nil {
		u.count(n)
	}
	return n, err
}

// tcpMeter asks the kernel what a connection has cost so far (TCP_INFO), which
// knows of acknowledgements and retransmissions.
type tcpMeter struct {
	*net.TCPConn
	told   int64
	forget func()
}

// Close implements net.Conn. The last segments are those of the close itself.
func (t *tcpMeter) Close() error {
	t.forget()
	return t.TCPConn.Close()
}

// news returns the bytes since it was last called.
func (t *tcpMeter) news() int64 {
	total := tcpBytes(t.TCPConn)
	if total <= t.told { // closed already, or a kernel that does not say
		return 0
	}
	n := total - t.told
	t.told = total
	return n
}

// tcpBytes is all that a connection has sent and received, with headers.
// https://www.kernel.org/doc/html/latest/networking/snmp_counter.html
func tcpBytes(c syscall.Conn) int64 {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var total int64
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			total = int64(info.Bytes_sent+info.Bytes_received) + tcpHeaders*int64(info.Segs_in+info.Segs_out)
		}
	})
	return total
}
