package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openTUN makes a point-to-point device on the node. It lives as long as the
// file, on which packets come and go one at a time.
// https://docs.kernel.org/networking/tuntap.html
func (n *Node) openTUN(name string) (f *os.File, err error) {
	err = n.doInNet(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq(name)
		if err == nil {
			request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}
		if err != nil {
			unix.Close(fd)
			return err
		}
		f = os.NewFile(uintptr(fd), name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("making %s on %s: %w", name, n.Name, err)
	}
	return f, nil
}

// setCarrier plugs the far end of a TUN device in or out.
func setCarrier(tun *os.File, on bool) error {
	if tun == nil {
		return fmt.Errorf("setting the carrier: %w", os.ErrClosed)
	}
	state := 0
	if on {
		state = 1
	}
	raw, err := tun.SyscallConn()
	if err != nil {
		return fmt.Errorf("setting the carrier of %s: %w", tun.Name(), err)
	}
	var failure error
	err = raw.Control(func(fd uintptr) { failure = unix.IoctlSetPointerInt(int(fd), unix.TUNSETCARRIER, state) })
	if err == nil {
		err = failure
	}
	if err != nil {
		return fmt.Errorf("setting the carrier of %s: %w", tun.Name(), err)
	}
	return nil
}
