package lab

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestVacateGivesTheLANToATap speaks through the tap as a virtual machine does.
func TestVacateGivesTheLANToATap(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	b, err := l.Vacate()
	must(t, err)
	if b.Machine != usualLAN.Device || b.Gateway != usualLAN.Gateway.Addr() {
		t.Errorf("the machine is %s with gateway %s", b.Machine, b.Gateway)
	}
	if addrs, err := l.Device.Run(t.Context(), "ip", "-4", "addr", "show", "dev", "eth0"); err != nil || strings.Contains(addrs, "inet") {
		t.Errorf("eth0 still has an address: %s %v", addrs, err)
	}
	tap := openTap(t, l.Device, b.Tap)
	// A broadcast "who has the gateway", RFC 826.
	machine, gateway := b.Machine.Addr().As4(), b.Gateway.As4()
	frame := append([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01\x02\x00\x00\x00\x00\x01"), machine[:]...)
	frame = append(append(frame, make([]byte, 6)...), gateway[:]...)
	buf := answerTo(t, tap, frame)
	if got := netip.AddrFrom4([4]byte(buf[28:32])); got != b.Gateway {
		t.Errorf("%s answers for the gateway", got)
	}
	if _, err := l.Device.Resolve(t.Context(), b.Gateway, OrdinaryHost); err != nil {
		t.Errorf("the laptop is not on the LAN: %v", err)
	}
	if r := report(t, l); r.Frames == 0 {
		t.Error("the capture sees nothing of the machine")
	}
}

// answerTo sends an ARP question until it is answered, as a machine does: the
// bridge takes a moment to forward for a tap that was just attached to.
func answerTo(t *testing.T, tap *os.File, question []byte) []byte {
	t.Helper()
	buf := make([]byte, 2048)
	for begun := time.Now(); time.Since(begun) < testTimeout; {
		_, err := tap.Write(question)
		must(t, err)
		must(t, tap.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
		for {
			n, err := tap.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			must(t, err)
			// Other frames are the neighbours' IPv6 chatter.
			if n >= 42 && buf[12] == 8 && buf[13] == 6 && buf[21] == 2 {
				return buf
			}
		}
	}
	t.Fatal("nobody answers for the gateway")
	return nil
}

// openTap takes the emulator's end of a tap device.
func openTap(t *testing.T, n *Node, name string) (tap *os.File) {
	t.Helper()
	must(t, n.Do(func() (err error) {
		tap, err = attachTap(name)
		return err
	}))
	t.Cleanup(func() { tap.Close() })
	return tap
}

// attachTap attaches to a tap device that exists. See Linux's tuntap.rst.
func attachTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
