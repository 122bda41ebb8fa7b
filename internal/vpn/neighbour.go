package vpn

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// neighbours are the devices next to this one, as the kernel knows them.
type neighbours interface {
	// Reask forgets those on a device that do not answer, so that the next packet
	// asks for them at once.
	Reask(index int) error
}

// Reask implements neighbours. The kernel asks once a second (retrans_time_ms), and
// keeps what is sent meanwhile: a gateway that is back just after a question would
// wait for the next one. https://man7.org/linux/man-pages/man7/arp.7.html
func (linux) Reask(index int) error {
	var errs []error
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := dump(func() ([]netlink.Neigh, error) { return netlink.NeighList(index, family) })
		if err != nil {
			errs = append(errs, err)
		}
		for _, n := range list {
			if n.State&(netlink.NUD_INCOMPLETE|netlink.NUD_FAILED) == 0 {
				continue
			}
			if err := netlink.NeighDel(&n); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ESRCH) {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("forgetting neighbours that do not answer: %w", err)
	}
	return nil
}
