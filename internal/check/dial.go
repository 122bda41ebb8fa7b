package check

import (
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// boundDialer returns a Dialer whose sockets leave by a device and no other
// (SO_BINDTODEVICE, without a capability since Linux 5.7), with further options
// set by each of the functions.
func boundDialer(device string, options ...func(fd int) error) net.Dialer {
	return net.Dialer{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if ctlErr := c.Control(func(fd uintptr) {
			if err = unix.BindToDevice(int(fd), device); err != nil {
				err = fmt.Errorf("binding to %s: %w", device, err)
				return
			}
			for _, set := range options {
				if err = set(int(fd)); err != nil {
					return
				}
			}
		}); ctlErr != nil {
			return ctlErr
		}
		return err
	}}
}
