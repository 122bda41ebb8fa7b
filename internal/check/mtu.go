package check

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Sizes of IP packets that are tried, up to the device's own. 1280 is what IPv6
// asks of every link, and goes through whatever is in the way.
var packetSizes = []int{576, 1000, 1280, 1350, 1400, 1450}

// mtuWait is for one size; two are sent of each.
const mtuWait = 1500 * time.Millisecond

// udpHeaders are IPv4's and UDP's, in bytes.
const udpHeaders = 28

// checkMTU sends questions of growing size to the VPC resolver, padded (RFC
// 7830) and not to be fragmented. What is lost in one size and answered in
// another is a hole in the path, unless the resolver alone does not like it: TCP,
// which carries all that matters, has the last word.
func checkMTU(ctx context.Context, x *examination) outcome {
	link, err := netlink.LinkByIndex(x.path.Index)
	if err != nil {
		return skipped(say("uplink.gone", x.path.Device))
	}
	mtu := link.Attrs().MTU
	sizes := slices.DeleteFunc(slices.Clone(packetSizes), func(n int) bool { return n > mtu })
	sizes = append(sizes, mtu)
	answered := tryAll(ctx, x, sizes)
	switch largest := largestOf(sizes, answered); {
	case largest == 0 && fullSegment(ctx, x):
		return ok(say("mtu.segment"))
	case largest == 0:
		return skipped(say("mtu.unknown"))
	case largest == mtu:
		return ok(say("mtu.ok", mtu))
	case fullSegment(ctx, x):
		return ok(say("mtu.tcp", largest))
	default:
		return fault(say("mtu.hole", largest, mtu), say("mtu.fix", largest))
	}
}

func tryAll(ctx context.Context, x *examination, sizes []int) []bool {
	answered := make([]bool, len(sizes))
	var running sync.WaitGroup
	for i, size := range sizes {
		running.Go(func() {
			for range 2 {
				if !answered[i] {
					answered[i] = answers(ctx, x, size)
				}
			}
		})
	}
	running.Wait()
	return answered
}

// largestOf returns the largest size up to which all were answered.
func largestOf(sizes []int, answered []bool) int {
	largest := 0
	for i, size := range sizes {
		if !answered[i] {
			break
		}
		largest = size
	}
	return largest
}

// answers asks for the endpoint's address in an IP packet of that size.
func answers(ctx context.Context, x *examination, size int) bool {
	wire, err := padded(x.config.Endpoint.Host, size-udpHeaders)
	if err != nil {
		return false
	}
	d := boundDialer(x.path.Device, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	})
	conn, err := d.DialContext(ctx, "udp4", netip.AddrPortFrom(x.path.Servers[0], 53).String())
	if err != nil {
		return false
	}
	defer conn.Close()
	deadline := time.Now().Add(mtuWait)
	if at, ok := ctx.Deadline(); ok && at.Before(deadline) {
		deadline = at
	}
	_ = conn.SetDeadline(deadline)
	if _, err := conn.Write(wire); err != nil {
		return false
	}
	n, err := conn.Read(make([]byte, 4096))
	return err == nil && n > 0
}

// padded returns a question of exactly size bytes.
func padded(host string, size int) ([]byte, error) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
	q.SetEdns0(1232, false)
	padding := &dns.EDNS0_PADDING{}
	q.IsEdns0().Option = append(q.IsEdns0().Option, padding)
	bare, err := q.Pack()
	if err != nil || len(bare) > size {
		return bare, err
	}
	padding.Padding = make([]byte, size-len(bare))
	return q.Pack()
}
