package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// inChroot has the helper be a lab that was started in a chroot.
const inChroot = "in a chroot"

// chrootMark is what a node writes into its own /etc.
const chrootMark = "/etc/edgeagent-lab-mark"

// The mount namespace of a chroot has the host's root, which build systems and
// test beds hide that way: a node must not get out.
func TestNodeInChrootLeavesTheHostAlone(t *testing.T) {
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	const enter = `mount --rbind / "$1" && exec chroot "$1" "$2"`
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(within(t, testTimeout), "unshare", "--mount", "--propagation", "private", "sh", "-ec", enter, "sh", t.TempDir(), self)
	cmd.Env = append(os.Environ(), helperEnv+"="+inChroot)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("a node in a chroot: %v\n%s", err, out)
	}
	if err := os.Remove(chrootMark); err == nil {
		t.Errorf("%s was written on the host", chrootMark)
	}
}

func writeInNode() int {
	n, err := newNode("chrooted")
	if err == nil {
		err = n.WriteFile(chrootMark, "here\n")
	}
	if err == nil {
		_, err = n.Run(context.Background(), "grep", "here", chrootMark)
	}
	if err == nil {
		err = n.close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
