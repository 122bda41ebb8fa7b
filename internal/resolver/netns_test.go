package resolver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// insideNetns marks the process that runs a test in namespaces of its own.
const insideNetns = "EDGEAGENT_TEST_NETNS"

// inNetns runs a test in a process of its own with a network and a mount
// namespace that vanish with it. The sockets and netlink calls of all its
// goroutines are then in there, whatever thread they run on.
func inNetns(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideNetns) != "" {
		setUp(t)
		test(t)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), insideNetns+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM):
		t.Skipf("needs the right to make network namespaces: %v", err)
	case err != nil:
		t.Fatalf("in its namespaces: %v\n%s", err, out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Fatalf("it did not run:\n%s", out)
	}
}

// setUp makes mounts private to this process, and a loopback.
func setUp(t *testing.T) {
	t.Helper()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	up(t, "lo")
}

func up(t *testing.T, device string) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName(device)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	return link
}

// device makes a device that leads nowhere, with an address, and returns its path.
func device(t *testing.T, name, address string) Path {
	t.Helper()
	// A veth pair: some kernels have no dummy devices.
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "p"}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	up(t, pair.PeerName)
	return addressed(t, name, address)
}

func addressed(t *testing.T, name, address string) Path {
	t.Helper()
	link := up(t, name)
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(link, addr); err != nil {
		t.Fatal(err)
	}
	return Path{
		Link: "vpn", Device: name, Index: link.Attrs().Index,
		Address: netip.MustParsePrefix(address), Servers: mustAddrs("10.0.0.2"),
	}
}

// route is one entry of the main table.
func routeOver(t *testing.T, p Path, dst string) *netlink.Route {
	t.Helper()
	_, ipnet, err := net.ParseCIDR(dst)
	if err != nil {
		t.Fatal(err)
	}
	return &netlink.Route{Dst: ipnet, LinkIndex: p.Index, Scope: netlink.SCOPE_LINK}
}

func addRoute(t *testing.T, p Path, dst string) {
	t.Helper()
	if err := netlink.RouteAdd(routeOver(t, p, dst)); err != nil {
		t.Fatal(err)
	}
}

// elsewhere runs f in another network namespace, on this thread. Sockets that
// f opens stay there.
func elsewhere(t *testing.T, ns netns.NsHandle, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	if err := netns.Set(ns); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := netns.Set(home); err != nil {
			panic(err) // the thread must not go on in there
		}
	}()
	f()
}

// farSide makes a veth pair whose other end, 10.0.0.2, is in a namespace of its
// own, and returns the path to it.
func farSide(t *testing.T) (Path, netns.NsHandle) {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	far, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := netns.Set(home); err != nil {
		t.Fatal(err)
	}
	runtime.UnlockOSThread()
	t.Cleanup(func() { home.Close(); far.Close() })

	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eavf0"}, PeerName: "eavf1", PeerNamespace: netlink.NsFd(far)}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	elsewhere(t, far, func() {
		up(t, "lo")
		addressed(t, "eavf1", "10.0.0.2/24")
	})
	return addressed(t, "eavf0", "10.0.0.1/24"), far
}
