package vpn

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// patience is how long a system test waits for what it expects: it is there to
// end a broken test, not to judge.
const patience = 45 * time.Second

// site is a gateway and a VPN server in two network namespaces joined by a
// cable. The device has 192.168.50.10 behind 192.168.50.1; the server is
// 203.0.113.10, with the VPC's resolver at 10.0.0.2 behind it.
type site struct {
	t              *testing.T
	dir            string
	device, server string // namespaces
	ca             *authority
	serverPair     pair
	clientPair     pair
	pushes         string // further lines of the server's configuration
	link           config.Link
	links          []config.Link // several: they run instead of link
	servers        []netip.Addr  // configured resolvers
	interval       time.Duration // between probes; 0: the default
	vpn            *exec.Cmd
}

var sites atomic.Int32

func newSite(t *testing.T) *site {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces")
	}
	for _, program := range []string{"ip", "openvpn", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs the program %s", program)
		}
	}
	n := sites.Add(1)
	s := &site{t: t, dir: t.TempDir(), device: fmt.Sprintf("eavpn%d-%dd", os.Getpid(), n), server: fmt.Sprintf("eavpn%d-%ds", os.Getpid(), n)}
	s.ca = newAuthority(t, "site CA")
	s.serverPair, s.clientPair = s.ca.server(), s.ca.client()
	s.link = config.Link{Name: "vpn", Type: config.LinkOpenVPN, Config: s.path("client.ovpn")}
	for _, ns := range []string{s.device, s.server} {
		s.ip("netns", "add", ns)
		t.Cleanup(func() { s.ip("netns", "del", ns) })
		s.ip("-n", ns, "link", "set", "lo", "up")
	}
	s.ip("link", "add", "eth0", "netns", s.device, "type", "veth", "peer", "name", "eth0", "netns", s.server)
	s.ip("-n", s.device, "addr", "add", "192.168.50.10/24", "dev", "eth0")
	s.ip("-n", s.server, "addr", "add", "192.168.50.1/24", "dev", "eth0")
	s.ip("-n", s.server, "addr", "add", "203.0.113.10/32", "dev", "lo")
	s.ip("-n", s.server, "addr", "add", "10.0.0.2/32", "dev", "lo")
	s.ip("-n", s.device, "link", "set", "eth0", "up")
	s.ip("-n", s.server, "link", "set", "eth0", "up")
	s.ip("-n", s.device, "route", "add", "default", "via", "192.168.50.1")
	s.write("names", "*.vpn.example 203.0.113.10\n")
	s.write("ccd/gw-042", "")
	s.resolver()
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) ip(args ...string) string { return s.run("ip", args...) }

// nft changes the server's firewall.
func (s *site) nft(args ...string) {
	s.run("ip", append([]string{"netns", "exec", s.server, "nft"}, args...)...)
}

func (s *site) run(program string, args ...string) string {
	s.t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// in runs f on a thread in a network namespace; what it opens or starts stays there.
func (s *site) in(ns string, f func() error) {
	s.t.Helper()
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		done <- func() error {
			h, err := netns.GetFromName(ns)
			if err != nil {
				return err
			}
			defer h.Close()
			if err := netns.Set(h); err != nil {
				return err
			}
			return f()
		}()
	}()
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
}

// resolver answers every datagram on 10.0.0.2, port 53.
func (s *site) resolver() {
	s.in(s.server, func() error {
		conn, err := net.ListenPacket("udp", "10.0.0.2:53")
		if err != nil {
			return err
		}
		s.t.Cleanup(func() { conn.Close() })
		go func() {
			buf := make([]byte, 512)
			for {
				n, from, err := conn.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = conn.WriteTo(buf[:n], from)
			}
		}()
		return nil
	})
}

// serve starts the VPN server, pushing what AWS Client VPN pushes.
func (s *site) serve() {
	s.t.Helper()
	s.write("server.conf", "dev tun\nproto udp\nlocal 203.0.113.10\nport 443\nserver 10.100.0.0 255.255.252.0\ntopology subnet\n"+
		"dh none\ndata-ciphers AES-256-GCM\nverb 3\nping 1\nping-restart 60\nclient-config-dir "+s.path("ccd")+"\n"+
		"management "+s.path("server.sock")+" unix\n"+
		"push \"redirect-gateway def1 bypass-dhcp\"\npush \"block-outside-dns\"\npush \"dhcp-option DNS 10.0.0.2\"\npush \"ping 1\"\npush \"ping-restart 20\"\n"+
		s.pushes+inline("ca", s.ca.pem)+inline("cert", s.serverPair.cert)+inline("key", s.serverPair.key))
	s.vpn = exec.Command("openvpn", "--config", s.path("server.conf"), "--log", s.path("server.log"))
	s.in(s.server, s.vpn.Start)
	s.t.Cleanup(s.unserve)
	until(s.t, "the VPN server listens", func() bool {
		log, _ := os.ReadFile(s.path("server.log"))
		return strings.Contains(string(log), "Initialization Sequence Completed")
	})
}

func (s *site) unserve() {
	_ = s.vpn.Process.Kill()
	_ = s.vpn.Wait()
}

// order sends commands to the server's management socket and returns the answers.
func (s *site) order(command, end string) string {
	s.t.Helper()
	conn, err := net.Dial("unix", s.path("server.sock"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, command)
	var got []string
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		got = append(got, lines.Text())
		if strings.HasPrefix(lines.Text(), end) {
			break
		}
	}
	return strings.Join(got, "\n")
}

// killClient ends the client's session with the server's word.
func (s *site) killClient(word string) {
	s.t.Helper()
	for line := range strings.Lines(s.order("status 2", "END")) {
		if f := strings.Split(strings.TrimSpace(line), ","); f[0] == "CLIENT_LIST" && f[1] == "gw-042" {
			if got := s.order("client-kill "+f[10]+" "+word, "SUCCESS"); !strings.Contains(got, "SUCCESS") {
				s.t.Fatalf("client-kill: %s", got)
			}
			return
		}
	}
	s.t.Fatal("the server knows no such client")
}

func inline(tag, text string) string {
	return "<" + tag + ">\n" + strings.TrimSpace(text) + "\n</" + tag + ">\n"
}

// awsFile is a configuration as AWS Client VPN hands it out, with certificate
// and key pasted in, and further lines.
func (s *site) awsFile(more string) string {
	return "client\ndev tun\nproto udp\nremote vpn.example 443\nremote-random-hostname\nresolv-retry infinite\nnobind\n" +
		"remote-cert-tls server\ncipher AES-256-GCM\nverb 3\n" + inline("ca", s.ca.pem) +
		inline("cert", s.clientPair.cert) + inline("key", s.clientPair.key) + "\nreneg-sec 0\n\nverify-x509-name vpn.example name\n" + more
}

// agent is a process that runs the link in the device's namespace.
type agent struct {
	*exec.Cmd
	t       *testing.T
	stdin   io.Writer
	reports chan told
	past    []told
}

// start runs the agent with the link's file set to text; an empty text leaves it.
func (s *site) start(text string) *agent {
	s.t.Helper()
	if text != "" {
		s.write("client.ovpn", text)
	}
	s.write("run/.keep", "")
	config, err := json.Marshal(setup{Link: s.link, Links: s.links, Servers: s.servers, Interval: s.interval, RuntimeDir: s.path("run"), Names: s.path("names")})
	if err != nil {
		s.t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	a := &agent{Cmd: exec.Command(exe), t: s.t, reports: make(chan told, 1000)}
	a.Env = append(os.Environ(), agentEnv+"="+string(config))
	log, err := os.OpenFile(s.path("agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	a.Stderr = log
	stdout, err := a.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if a.stdin, err = a.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	s.in(s.device, a.Start)
	log.Close()
	go a.read(stdout)
	s.t.Cleanup(func() { a.stop(); s.endOrphans() })
	return a
}

// endOrphans ends what a killed agent left, should the test have failed before
// another agent did.
func (s *site) endOrphans() {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if strings.Contains(string(cmdline), s.path("run")) {
			var pid int
			if _, err := fmt.Sscanf(filepath.Base(dir), "%d", &pid); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

func (a *agent) read(r io.Reader) {
	defer close(a.reports)
	in := json.NewDecoder(r)
	for {
		var t told
		if in.Decode(&t) != nil {
			return
		}
		a.reports <- t
	}
}

// stop ends the agent in an orderly way and waits for it.
func (a *agent) stop() {
	_ = a.Process.Signal(syscall.SIGTERM)
	for range a.reports {
	}
	_ = a.Wait()
}

// kill is a power cut for the agent alone.
func (a *agent) kill() {
	_ = a.Process.Kill()
	for range a.reports {
	}
	_ = a.Wait()
}

// await returns the first report from now on that ok accepts.
func (a *agent) await(what string, ok func(told) bool) told {
	a.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case r, open := <-a.reports:
			if !open {
				a.t.Fatalf("the agent ended while %s was awaited; it said\n%s\n%s", what, a.said(), a.log())
			}
			a.past = append(a.past, r)
			if ok(r) {
				return r
			}
		case <-limit:
			a.t.Fatalf("no %s; it said\n%s\n%s", what, a.said(), a.log())
		}
	}
}

// expect awaits a report of the state and reason with part in its detail.
func (a *agent) expect(s status.State, r status.Reason, part string) told {
	a.t.Helper()
	return a.await(fmt.Sprintf("%s %s %q", s, r, part), func(t told) bool {
		return t.State == s && t.Reason == r && strings.Contains(t.Detail, part)
	})
}

// do gives a command and returns the answer.
func (a *agent) do(command string) string {
	a.t.Helper()
	fmt.Fprintln(a.stdin, command)
	return a.await("answer to "+command, func(t told) bool { return strings.HasPrefix(t.Answer, command) }).Answer
}

func (a *agent) said() string {
	var b strings.Builder
	for _, t := range a.past {
		fmt.Fprintf(&b, "  %s %s %s%s\n", t.State, t.Reason, t.Detail, t.Answer)
	}
	return b.String()
}

// log is the end of the agent's log.
func (a *agent) log() string {
	data, _ := os.ReadFile(a.Stderr.(*os.File).Name())
	lines := strings.Split(string(data), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// routes returns the device's routes as ip prints them.
func (s *site) routes() string { return s.ip("-n", s.device, "route", "show") }

// has reports whether the device has a route that begins with line.
func (s *site) has(line string) bool {
	return slices.ContainsFunc(strings.Split(s.routes(), "\n"), func(r string) bool { return strings.HasPrefix(r, line) })
}

// until polls for something that happens outside of the agent.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(limit) {
			t.Fatalf("not so: %s", what)
		}
		<-tick.C
	}
}

func pidOf(t told) int { return int(t.Facts["pid"].(float64)) }

// alive reports whether a process runs; one that waits to be reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(after, "Z")
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
