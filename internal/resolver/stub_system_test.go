package resolver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
)

// insideEnv tells a copy of this test binary that it runs in namespaces that
// another one made for it.
const insideEnv = "EDGEAGENT_TEST_INSIDE"

// needs skips the test unless it runs as root and the programs are there.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it changes owners, mounts or namespaces")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s: %v", p, err)
		}
	}
}

// command runs a program and returns what it prints.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// again runs the named test of this binary once more behind a wrapper such as
// unshare(1), where inside returns true, and passes on its result.
func again(t *testing.T, wrapper ...string) {
	t.Helper()
	args := append(wrapper, os.Args[0], "-test.v", "-test.count=1", "-test.run=^"+t.Name()+"$")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v:\n%s", err, out)
	}
}

func inside() bool { return os.Getenv(insideEnv) != "" }

// onTheDevice makes a "device" and a "vpc" with a real unbound, and runs the test
// again on the device. A route to the VPC's resolver leads into a trap: only a
// socket bound to the link's device gets there.
func onTheDevice(t *testing.T) {
	needs(t, "ip", "unshare", "unbound", "dig", "getent", "mount")
	dev, vpc := fmt.Sprintf("earesdev%d", os.Getpid()), fmt.Sprintf("earesvpc%d", os.Getpid())
	for _, ns := range []string{dev, vpc} {
		command(t, "ip", "netns", "add", ns)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	}
	for _, line := range []string{
		"link add eares0 netns " + dev + " type veth peer name eares1 netns " + vpc,
		"-n " + dev + " link set lo up", "-n " + vpc + " link set lo up",
		"-n " + dev + " addr add 172.31.0.34/27 dev eares0", "-n " + dev + " link set eares0 up",
		"-n " + vpc + " addr add 172.31.0.33/27 dev eares1", "-n " + vpc + " link set eares1 up",
		"-n " + vpc + " addr add 10.0.0.2/32 dev lo",
		"-n " + dev + " link add eares9 type veth peer name eares8", "-n " + dev + " link set eares8 up", "-n " + dev + " addr add 192.0.2.1/24 dev eares9",
		"-n " + dev + " link set eares9 up", "-n " + dev + " route add default dev eares9",
		"-n " + dev + " route add 10.0.0.2/32 via 172.31.0.33 dev eares0 metric 500",
		"-n " + dev + " route add 10.0.0.2/32 dev eares9 metric 5",
	} {
		command(t, "ip", strings.Fields(line)...)
	}
	startUnbound(t, vpc)
	again(t, "ip", "netns", "exec", dev, "unshare", "-m", "--propagation", "private")
}

// startUnbound runs the VPC's resolver until the test ends.
func startUnbound(t *testing.T, ns string) {
	t.Helper()
	var long strings.Builder
	for i := range 120 {
		fmt.Fprintf(&long, " local-data: \"big.iot.amazonaws.com. 60 A 10.1.1.%d\"\n", i)
	}
	conf := filepath.Join(t.TempDir(), "unbound.conf")
	writeTestFile(t, conf, `server:
 interface: 10.0.0.2
 access-control: 0.0.0.0/0 allow
 username: ""
 chroot: ""
 directory: ""
 pidfile: ""
 use-syslog: no
 do-daemonize: no
 num-threads: 1
 local-zone: "iot.ap-northeast-1.amazonaws.com." static
 local-data: "iot.ap-northeast-1.amazonaws.com. 900 SOA ns. mail. 1 2 3 4 5"
 local-data: "`+privateHost+`. 60 A 10.0.6.105"
 local-data: "`+privateHost+`. 60 A 10.0.20.107"
 local-zone: "iot.amazonaws.com." static
`+long.String()+` local-zone: "refused.amazonaws.com." refuse
remote-control:
 control-enable: no
`)
	cmd := exec.Command("ip", "netns", "exec", ns, "unbound", "-d", "-c", conf)
	var log logged
	cmd.Stderr, cmd.Stdout = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("unbound: %s", &log)
		}
	})
}

func writeTestFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ownEtc puts a writable /etc over the machine's, for this mount namespace.
func ownEtc(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	mountOn(t, dir, "-t", "tmpfs", "tmpfs")
	upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{upper, work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mountOn(t, "/etc", "-t", "overlay", "overlay", "-o", "lowerdir=/etc,upperdir="+upper+",workdir="+work)
	writeTestFile(t, "/etc/nsswitch.conf", "hosts: files dns\n")
	_ = os.Remove("/etc/resolv.conf")
	writeTestFile(t, "/etc/resolv.conf", "# the site's\nnameserver 127.0.0.9\nsearch lan\n")
}

// witness is a public DNS server that answers everything with a public address
// and keeps what it was asked.
type witness struct{ net fakeNet }

func newWitness(t *testing.T, addr string) *witness {
	t.Helper()
	w := &witness{}
	serve := func(rw dns.ResponseWriter, q *dns.Msg) {
		w.net.mu.Lock()
		w.net.queries = append(w.net.queries, asked{name: strings.ToLower(q.Question[0].Name), qtype: q.Question[0].Qtype})
		w.net.mu.Unlock()
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			m.Answer = message(t, 0, q.Question[0].Name+" 60 A 203.0.113.66").Answer
		}
		_ = rw.WriteMsg(m)
	}
	pc, err := net.ListenPacket("udp4", addr+":53")
	if err != nil {
		t.Fatal(err)
	}
	serveDNS(t, &dns.Server{PacketConn: pc, Handler: handler(serve)})
	return w
}

// heard returns the names it was asked for, each once.
func (w *witness) heard() []string {
	names := w.net.names(netip.AddrPort{})
	slices.Sort(names)
	return slices.Compact(names)
}

// system is a device whose programs ask the stub.
type system struct {
	stub           *Stub
	uplink, public *witness
}

func newSystem(t *testing.T) *system {
	t.Helper()
	ownEtc(t)
	cfg := config.Default().Resolver
	cfg.Host = config.HostFile
	log := slog.New(slog.DiscardHandler)
	host := NewHost(HostOptions{Config: cfg, RuntimeDir: t.TempDir(), Log: log})
	s := &system{uplink: newWitness(t, "127.0.0.9"), public: newWitness(t, "127.0.0.8")}
	s.stub = NewStub(StubOptions{
		Config: cfg, Exempt: []string{vpnHost}, Upstream: host.Upstream, Client: &Client{}, Log: log,
		Cause: func() string { return "the VPN server does not answer" },
	})
	(&stubRig{Stub: s.stub}).serve(t)
	if err := host.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Restore(context.Background()); err != nil {
			t.Errorf("Restore: %v", err)
		}
	})
	return s
}

func (s *system) up() {
	s.stub.SetPath(&Path{Link: "vpn", Device: "eares0", Servers: []netip.Addr{netip.MustParseAddr("10.0.0.2")}})
}

// getent asks the C library, as any program on the device does.
func getent(name string) []string {
	out, _ := exec.Command("getent", "ahostsv4", name).Output()
	var addrs []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "STREAM") {
			addrs = append(addrs, strings.Fields(line)[0])
		}
	}
	slices.Sort(addrs)
	return addrs
}

// awaitAddrs polls until the C library gives these addresses.
func awaitAddrs(t *testing.T, name string, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if got = getent(name); slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("%s has the addresses %v, want %v", name, got, want)
}
