package check

import (
	"context"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ssmAgents are where AWS's SSM agent is installed by its package and by snap.
var ssmAgents = []string{"/usr/bin/amazon-ssm-agent", "/snap/bin/amazon-ssm-agent.ssm-cli"}

// ssmMended is the first version that reports point-to-point interfaces.
// https://github.com/aws/amazon-ssm-agent/releases
var ssmMended = []int{3, 3, 3797, 0}

// checkSSM looks for the fault of SSM agents before 3.3.3797.0, which skip
// point-to-point interfaces: a gateway on a SIM alone has no address to report
// and is listed as ConnectionLost.
// https://github.com/aws/amazon-ssm-agent/issues/340
func checkSSM(_ context.Context, x *examination) outcome {
	if !anyThere(x, ssmAgents) {
		return skipped(say("ssm.none"))
	}
	version := packaged(x.file("/var/lib/dpkg/status"), "amazon-ssm-agent")
	if version != "" && !before(version, ssmMended) {
		return ok(say("ssm.version", version))
	}
	links, err := netlink.LinkList()
	if err != nil {
		return skipped(foreign(err.Error()))
	}
	for _, l := range links {
		flags := l.Attrs().RawFlags
		if flags&(unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT) == 0 && firstIPv4(l) != "" {
			return ok(say("ssm.ok", l.Attrs().Name))
		}
	}
	return warning(say("ssm.hidden"), say("ssm.fix"))
}

// packaged returns the version of an installed package as dpkg's database has it
// (deb-control(5)), "" if it does not.
func packaged(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	_, entry, found := strings.Cut("\n"+string(data), "\nPackage: "+name+"\n")
	if !found {
		return ""
	}
	entry, _, _ = strings.Cut(entry, "\n\n")
	_, version, _ := strings.Cut("\n"+entry, "\nVersion: ")
	version, _, _ = strings.Cut(version, "\n")
	return strings.TrimSpace(version)
}

// before compares the numbers of a version, without a Debian revision. What is no
// number counts as 0.
func before(version string, than []int) bool {
	version, _, _ = strings.Cut(version, "-")
	parts := strings.Split(version, ".")
	for i, want := range than {
		have := 0
		if i < len(parts) {
			have, _ = strconv.Atoi(parts[i])
		}
		if have != want {
			return have < want
		}
	}
	return false
}

func anyThere(x *examination, files []string) bool {
	for _, f := range files {
		if _, err := os.Stat(x.file(f)); err == nil {
			return true
		}
	}
	return false
}
