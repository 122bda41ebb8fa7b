package agent

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
)

// fakeStore is systemd's end of $NOTIFY_SOCKET.
type fakeStore struct {
	conn *net.UnixConn
}

func newFakeStore(t *testing.T) *fakeStore {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &fakeStore{conn}
}

// next returns the next message, which has been sent already, and its file, if
// any, as systemd passes it to the next process.
func (s *fakeStore) next(t *testing.T) (state string, file *os.File) {
	t.Helper()
	var text, rights [1024]byte
	_ = s.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, rightsSize, _, _, err := s.conn.ReadMsgUnix(text[:], rights[:])
	if err != nil {
		t.Fatal(err)
	}
	state = string(text[:n])
	messages, err := unix.ParseSocketControlMessage(rights[:rightsSize])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil || len(fds) != 1 {
			t.Fatalf("files %v: %v", fds, err)
		}
		_, name, _ := strings.Cut(state, "FDNAME=")
		file = os.NewFile(uintptr(fds[0]), name)
		t.Cleanup(func() { _ = file.Close() })
	}
	return state, file
}

// freeAddr returns a loopback address with a port that is free over UDP and TCP.
func freeAddr(t *testing.T) netip.AddrPort {
	t.Helper()
	stub := newTestStub(netip.MustParseAddrPort("127.0.0.1:0"))
	sockets := NewStubSockets(nil)
	sockets.notify = func(string, ...*os.File) error { return nil }
	if err := sockets.listen(stub, discardLog()); err != nil {
		t.Fatal(err)
	}
	defer sockets.close()
	serveBriefly(t, stub)
	return stubAddrOf(t, sockets)
}

func stubAddrOf(t *testing.T, k *StubSockets) netip.AddrPort {
	t.Helper()
	conn, err := net.FilePacketConn(k.Files()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newTestStub(listen netip.AddrPort) *resolver.Stub {
	c := config.Default().Resolver
	c.Listen = listen
	return resolver.NewStub(resolver.StubOptions{
		Config: c, Upstream: func() []netip.AddrPort { return nil }, Client: &resolver.Client{}, Log: discardLog(),
	})
}

// serveBriefly has the stub serve and end, which closes its own sockets.
func serveBriefly(t *testing.T, stub *resolver.Stub) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := stub.Serve(ctx); err != nil {
		t.Fatal(err)
	}
}

// The process is killed; systemd has the sockets, a question waits in one, and
// the next process answers it.
func TestStubSocketsOutliveTheProcess(t *testing.T) {
	store, listen := newFakeStore(t), freeAddr(t)
	first, stub := NewStubSockets(nil), newTestStub(listen)
	if err := first.listen(stub, discardLog()); err != nil {
		t.Fatal(err)
	}
	var inherited []*os.File
	for _, name := range stubSocketNames {
		state, file := store.next(t)
		if want := "FDSTORE=1\nFDPOLL=0\nFDNAME=" + name; state != want || file == nil {
			t.Fatalf("told systemd %q with file %v, want %q with one", state, file, want)
		}
		inherited = append([]*os.File{file}, inherited...) // systemd has an order of its own
	}
	serveBriefly(t, stub)
	first.close()

	conn, err := dns.Dial("udp", listen.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if err := conn.WriteMsg(new(dns.Msg).SetQuestion("localhost.", dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	second, stub := NewStubSockets(inherited), newTestStub(listen)
	defer second.close()
	if err := second.listen(stub, discardLog()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- stub.Serve(ctx) }()
	if m, err := conn.ReadMsg(); err != nil || len(m.Answer) != 1 {
		t.Errorf("answer %v: %v", m, err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// Sockets of an address that is no longer configured are given back, or the
// address would stay taken.
func TestStubSocketsFollowTheConfiguredAddress(t *testing.T) {
	store, before := newFakeStore(t), freeAddr(t)
	sockets, stub := NewStubSockets(nil), newTestStub(before)
	defer sockets.close()
	if err := sockets.listen(stub, discardLog()); err != nil {
		t.Fatal(err)
	}
	serveBriefly(t, stub)
	after := freeAddr(t) // another one: before is taken
	if err := sockets.listen(newTestStub(after), discardLog()); err != nil {
		t.Fatal(err)
	}
	var told []string
	for range 6 {
		state, file := store.next(t)
		if file != nil {
			_ = file.Close()
		}
		told = append(told, strings.Fields(state)[0]+" "+state[strings.LastIndex(state, "=")+1:])
	}
	want := []string{"FDSTORE=1 stub-udp", "FDSTORE=1 stub-tcp", "FDSTOREREMOVE=1 stub-udp", "FDSTOREREMOVE=1 stub-tcp",
		"FDSTORE=1 stub-udp", "FDSTORE=1 stub-tcp"}
	if !slices.Equal(told, want) {
		t.Errorf("told systemd %q", told)
	}
	if got := stubAddrOf(t, sockets); got != after {
		t.Errorf("keeps sockets of %s, want %s", got, after)
	}
	taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(before))
	if err != nil {
		t.Fatalf("the old address is still taken: %v", err)
	}
	_ = taken.Close()
}

// The stub's own socket must not begin to block when its duplicate is sent: it
// could not be stopped any more.
func TestDescriptorLeavesTheSocketAsItIs(t *testing.T) {
	sockets := NewStubSockets(nil)
	sockets.notify = func(_ string, files ...*os.File) error {
		_, err := descriptor(files[0])
		return err
	}
	if err := sockets.listen(newTestStub(netip.MustParseAddrPort("127.0.0.1:0")), discardLog()); err != nil {
		t.Fatal(err)
	}
	defer sockets.close()
	raw, err := sockets.Files()[0].SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var flags int
	if err := raw.Control(func(fd uintptr) { flags, err = unix.FcntlInt(fd, unix.F_GETFL, 0) }); err != nil {
		t.Fatal(err)
	}
	if err != nil || flags&syscall.O_NONBLOCK == 0 {
		t.Errorf("flags %#x: %v", flags, err)
	}
}

func TestNewStubSocketsLeavesOthersAlone(t *testing.T) {
	other := os.NewFile(uintptr(99), "management")
	if files := NewStubSockets([]*os.File{other}).Files(); len(files) != 0 {
		t.Errorf("took %v", files)
	}
}

func TestStubSocketsWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	var log bytes.Buffer
	sockets := NewStubSockets(nil)
	defer sockets.close()
	err := sockets.listen(newTestStub(netip.MustParseAddrPort("127.0.0.1:0")), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil || len(sockets.Files()) != 2 || log.Len() != 0 {
		t.Errorf("%v, %d files, logged %q", err, len(sockets.Files()), log.String())
	}
}

// A daemon that waits for its configuration must not keep programs waiting at a
// socket that nobody reads.
func TestReleasedStubSocketsRefuse(t *testing.T) {
	store, listen := newFakeStore(t), freeAddr(t)
	sockets, stub := NewStubSockets(nil), newTestStub(listen)
	if err := sockets.listen(stub, discardLog()); err != nil {
		t.Fatal(err)
	}
	serveBriefly(t, stub)
	sockets.Release(discardLog())
	sockets.Release(discardLog()) // nothing is left to give back
	var removed int
	for range 4 {
		state, file := store.next(t)
		if file != nil {
			_ = file.Close()
		}
		if strings.HasPrefix(state, "FDSTOREREMOVE=1") {
			removed++
		}
	}
	if removed != 2 || len(sockets.Files()) != 0 {
		t.Errorf("%d of 2 sockets given back, %d kept", removed, len(sockets.Files()))
	}
	if conn, err := net.Dial("tcp", listen.String()); err == nil {
		_ = conn.Close()
		t.Error("somebody still listens")
	}
}
