package check

import (
	"context"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ssmAgents are where AWS's SSM agent is installed by its package and by snap.
var ssmAgents = []string{"/usr/bin/amazon-ssm-agent", "/snap/bin/amazon-ssm-agent.ssm-cli"}

// checkSSM looks for the fault of SSM agents before 3.3.3797.0, which skip
// point-to-point interfaces: a gateway on a SIM alone has no address to report
// and is listed as ConnectionLost.
// https://github.com/aws/amazon-ssm-agent/issues/340
func checkSSM(_ context.Context, x *examination) outcome {
	if !anyThere(x, ssmAgents) {
		return skipped("the SSM agent is not installed")
	}
	links, err := netlink.LinkList()
	if err != nil {
		return skipped(err.Error())
	}
	for _, l := range links {
		flags := l.Attrs().RawFlags
		if flags&(unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT) == 0 && firstIPv4(l) != "" {
			return ok(l.Attrs().Name + " has an address that it can report")
		}
	}
	return warning("all addresses are on point-to-point devices, which SSM agents before 3.3.3797.0 do not report: the gateway shows as ConnectionLost",
		"update the SSM agent, or give it an address: `sudo ip link add ssm0 type dummy && sudo ip address add 10.255.255.1/32 dev ssm0 && sudo ip link set ssm0 up`.")
}

func anyThere(x *examination, files []string) bool {
	for _, f := range files {
		if _, err := os.Stat(x.file(f)); err == nil {
			return true
		}
	}
	return false
}
