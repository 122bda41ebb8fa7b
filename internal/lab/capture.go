package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	captureBuffer = 16 << 20 // bytes the kernel keeps until they are read
	maxFrame      = 64 << 10
	pcapFrame     = 512 // bytes of each frame kept in the file
)

// Capture records every frame on the device's cable, as the uplink sees it. It
// keeps those that should not be there, and all of them in a file.
type Capture struct {
	File string // pcap

	socket *os.File
	done   chan struct{}

	mu      sync.Mutex
	pcap    *os.File
	frames  uint64 // read so far
	queued  uint64 // given to the socket by the kernel so far
	dropped uint64 // of those, lost
	seen    []Sighting
	watches map[netip.Addr]chan<- time.Time
	err     error
}

// startCapture starts the capture on the uplink's end of the device's cable.
func (l *Lab) startCapture(context.Context) error {
	c := &Capture{File: l.path("device.pcap"), done: make(chan struct{}), watches: map[netip.Addr]chan<- time.Time{}}
	if err := l.Uplink.Do(func() error { return c.open("lan") }); err != nil {
		return fmt.Errorf("capturing on the uplink: %w", err)
	}
	if err := c.createFile(); err != nil {
		c.socket.Close()
		return fmt.Errorf("capturing on the uplink: %w", err)
	}
	l.Capture = c
	l.atClose(c.close)
	go c.run()
	return nil
}

// open makes the packet socket; it stays in the network it was made in. See
// packet(7).
func (c *Capture) open(device string) error {
	ifi, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	// The kernel wants it in network byte order.
	all := int(binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff}))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.socket = os.NewFile(uintptr(fd), "packet:"+device)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: ifi.Index})
}

// run reads frames until the socket is closed.
func (c *Capture) run() {
	defer close(c.done)
	frame := make([]byte, maxFrame)
	for {
		n, err := c.socket.Read(frame)
		switch {
		case err == nil:
			c.record(time.Now(), frame[:n])
		case isErrno(err, unix.ENETDOWN): // the cable was pulled; it comes back
		default:
			c.mu.Lock()
			c.err = err
			c.mu.Unlock()
			return
		}
	}
}

// record classifies at once: keeping frames for later would cost memory that a
// fast transfer through the VPN does not leave.
func (c *Capture) record(at time.Time, frame []byte) {
	sighting, bad := classify(frame)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames++
	if bad {
		sighting.At = at
		c.seen = append(c.seen, sighting)
	}
	c.watch(at, frame)
	if err := writePcapFrame(c.pcap, at, frame); err != nil {
		c.err = err
	}
}

// OnPacketFrom sends the time of the next packet from an address. The channel
// must have room for it.
func (c *Capture) OnPacketFrom(from netip.Addr, at chan<- time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watches[from] = at
}

// watch serves OnPacketFrom; mu is held.
func (c *Capture) watch(at time.Time, frame []byte) {
	if len(c.watches) == 0 {
		return
	}
	p, ok := parseFrame(frame)
	if watcher := c.watches[p.src.Addr()]; ok && watcher != nil {
		watcher <- at
		delete(c.watches, p.src.Addr())
	}
}

// Report says what the capture has seen up to now. It fails rather than report
// nothing if the capture has lost a frame or is not running.
func (c *Capture) Report(ctx context.Context) (TrapReport, error) {
	ctx, cancel := context.WithTimeout(ctx, managementTimeout)
	defer cancel()
	var r TrapReport
	err := Poll(ctx, readyEvery, func() (err error) {
		r, err = c.report()
		return err
	})
	if err != nil {
		return TrapReport{}, fmt.Errorf("reading the capture on the uplink: %w", err)
	}
	return r, nil
}

// report succeeds when every frame that the kernel has counted is read.
func (c *Capture) report() (TrapReport, error) {
	stats, err := c.stats()
	if err != nil {
		return TrapReport{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queued += uint64(stats.Packets)
	c.dropped += uint64(stats.Drops)
	switch {
	case c.err != nil:
		return TrapReport{}, c.err
	case c.dropped > 0:
		return TrapReport{}, fmt.Errorf("%d of %d frames lost", c.dropped, c.queued)
	case c.frames < c.queued:
		return TrapReport{}, fmt.Errorf("%d of %d frames read", c.frames, c.queued)
	}
	return newTrapReport(c.frames, c.seen), nil
}

// stats reads the kernel's counters, which reading sets to zero.
func (c *Capture) stats() (stats *unix.TpacketStats, err error) {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) {
		stats, optErr = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	})
	if err == nil {
		err = optErr
	}
	return stats, err
}

// close ends run, then the file it writes.
func (c *Capture) close() {
	c.socket.Close()
	<-c.done
	c.pcap.Close()
}
