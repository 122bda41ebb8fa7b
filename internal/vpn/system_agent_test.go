package vpn

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// agentEnv makes this test program run one link, in whatever network namespace
// it was started in, instead of its tests.
const agentEnv = "EDGEAGENT_VPN_TEST_LINK"

func TestMain(m *testing.M) {
	if text := os.Getenv(agentEnv); text != "" {
		os.Exit(runAgent(text))
	}
	// System tests wait for timers of OpenVPN and of the agent, not for the CPU.
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "8"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// setup is what the agent process is told.
type setup struct {
	Link       config.Link
	Links      []config.Link // several: they run instead of Link
	Interval   time.Duration // between probes; 0: the default
	Servers    []netip.Addr
	RuntimeDir string
	Names      string // a file: lines of "name address ..."
	Soft       time.Duration
}

// told is one report of the agent process.
type told struct {
	State  status.State
	Reason status.Reason
	Detail string
	Hint   string
	Facts  map[string]any
	Path   *Path
	Answer string // to a command; nothing else is set then
}

func runAgent(text string) int {
	var s setup
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	gate, _ := clock.NewGate(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), filepath.Join(s.RuntimeDir, "last-time"))
	defaults := config.Default()
	if s.Soft > 0 {
		defaults.Recovery.OpenVPNSoft = s.Soft
	}
	if s.Interval > 0 {
		defaults.Probe.Interval, defaults.Probe.SuspectInterval = s.Interval, s.Interval
	}
	link, err := s.stage(Options{
		Link: s.Link, Probe: defaults.Probe, Recovery: defaults.Recovery, Servers: s.Servers, RuntimeDir: s.RuntimeDir,
		Lookup: s.lookup, ProbePath: ask, Clock: gate,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	tell := func(t told) {
		mu.Lock()
		defer mu.Unlock()
		_ = out.Encode(t)
	}
	go obey(ctx, link, tell)
	err = link.Run(ctx, func(u status.Update) {
		t := told{State: u.State, Reason: u.Reason, Detail: u.Detail, Hint: u.Hint, Facts: u.Facts}
		if p, ok := link.Path(); ok {
			t.Path = &p
		}
		tell(t)
	})
	tell(told{Answer: fmt.Sprint("run: ", err)})
	return 0
}

// stage is what the agent process runs.
type stage interface {
	Run(ctx context.Context, report status.Report) error
	Path() (Path, bool)
	Route(ctx context.Context, addrs ...netip.Addr) error
	Restart(ctx context.Context) error
}

// stage makes one link or several of o.
func (s setup) stage(o Options) (stage, error) {
	if len(s.Links) == 0 {
		return NewOpenVPN(o)
	}
	l, err := NewLinks(LinksOptions{
		Links: s.Links, Probe: o.Probe, Recovery: o.Recovery, Servers: o.Servers, RuntimeDir: o.RuntimeDir,
		Lookup: o.Lookup, ProbePath: o.ProbePath, Clock: o.Clock, Log: o.Log,
	})
	return severalLinks{l}, err
}

// severalLinks restarts the link that carries.
type severalLinks struct{ *Links }

func (l severalLinks) Restart(ctx context.Context) error { return l.Links.Restart(ctx, "") }

// obey carries out the commands on standard input.
func obey(ctx context.Context, link stage, tell func(told)) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var err error
		switch f := strings.Fields(lines.Text()); f[0] {
		case "route":
			err = link.Route(ctx, addresses(f[1:])...)
		case "restart":
			err = link.Restart(ctx)
		}
		tell(told{Answer: fmt.Sprint(lines.Text(), ": ", err)})
	}
}

// lookup reads the names anew each time: the test changes them.
func (s setup) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	data, err := os.ReadFile(s.Names)
	if err != nil {
		return nil, err
	}
	label, parent, _ := strings.Cut(host, ".")
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) > 1 && (f[0] == host || f[0] == "*."+parent && len(label) == 2*randomBytes) {
			return addresses(f[1:]), nil
		}
	}
	return nil, errors.New("no such name")
}

// ask sends one datagram to the VPC's resolver through the device.
func ask(ctx context.Context, p Path) (time.Duration, error) {
	if len(p.Servers) == 0 {
		return 0, errors.New("no server")
	}
	began := time.Now()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		ctrlErr := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), p.Device) })
		return errors.Join(ctrlErr, err)
	}}
	conn, err := d.DialContext(ctx, "udp", netip.AddrPortFrom(p.Servers[0], 53).String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	limit, _ := ctx.Deadline()
	if err := conn.SetDeadline(limit); err != nil {
		return 0, err
	}
	if _, err := conn.Write([]byte("who is there?")); err != nil {
		return 0, err
	}
	_, err = conn.Read(make([]byte, 64))
	return time.Since(began), err
}
