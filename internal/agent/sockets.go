package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"edgeagent/internal/resolver"
)

// stubSocketNames are what systemd keeps the stub's sockets under, in the order
// of Stub.Files.
var stubSocketNames = []string{"stub-udp", "stub-tcp"}

// StubSockets keeps the sockets of the DNS stub open for longer than it serves:
// while the agent starts anew in its process, while it re-executes itself, and,
// in systemd's store, while the process is restarted or has crashed. Programs
// that ask meanwhile wait for an answer, and no server but ours is asked. When
// the unit is stopped for good, systemd closes what it has stored
// (FileDescriptorStoreMax= in systemd.service(5)).
type StubSockets struct {
	notify func(state string, files ...*os.File) error

	mu    sync.Mutex
	files []*os.File // UDP, TCP; none before the stub has listened
}

// NewStubSockets picks the stub's sockets from the files that this process was
// started with (activation.Files), by their names. The others are left alone.
func NewStubSockets(inherited []*os.File) *StubSockets {
	k := &StubSockets{notify: notifyWithFiles}
	for _, name := range stubSocketNames {
		for _, f := range inherited {
			if f.Name() == name {
				k.files = append(k.files, f)
				break
			}
		}
	}
	return k
}

// Files returns the kept sockets, UDP first, for a re-execution. They stay open
// here. None before the stub has listened.
func (k *StubSockets) Files() []*os.File {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.files
}

// listen makes the stub listen: on what is kept, else on new sockets that are
// kept from now on.
func (k *StubSockets) listen(stub *resolver.Stub, log *slog.Logger) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.files) > 0 {
		err := stub.Adopt(k.files)
		if err == nil {
			return nil
		}
		log.Info("the DNS stub's old sockets are of no use", "err", err) // another address is configured
		k.discard(log)
	}
	if err := stub.Listen(); err != nil {
		return err
	}
	files, err := stub.Files()
	if err != nil {
		return err
	}
	for i, name := range stubSocketNames {
		k.files = append(k.files, files[i])
		if err := k.notify("FDSTORE=1\nFDPOLL=0\nFDNAME="+name, files[i]); err != nil {
			log.Warn("the DNS stub's sockets will not outlive this process", "err", err)
		}
	}
	return nil
}

// discard closes what is kept, in systemd's store as well.
func (k *StubSockets) discard(log *slog.Logger) {
	k.closeFiles()
	for _, name := range stubSocketNames {
		if err := k.notify("FDSTOREREMOVE=1\nFDNAME=" + name); err != nil {
			log.Warn("giving back the DNS stub's sockets failed", "err", err)
		}
	}
}

// Release gives up what is kept, for a daemon that will not serve for now: what
// asks there must be refused, or it would wait for ever.
func (k *StubSockets) Release(log *slog.Logger) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.files) > 0 {
		k.discard(log)
	}
}

// close lets go of what is kept; systemd keeps what it has.
func (k *StubSockets) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closeFiles()
}

func (k *StubSockets) closeFiles() {
	for _, f := range k.files {
		_ = f.Close()
	}
	k.files = nil
}

// notifyWithFiles tells systemd something and gives it files
// (sd_pid_notify_with_fds(3)), which go-systemd cannot. Without systemd it does
// nothing.
func notifyWithFiles(state string, files ...*os.File) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	var rights []byte
	for _, f := range files {
		fd, err := descriptor(f)
		if err != nil {
			return fmt.Errorf("notifying systemd: %w", err)
		}
		rights = append(rights, unix.UnixRights(fd)...)
	}
	// net's own WriteMsgUnix wants no connected socket, and so a name to send from.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("notifying systemd: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendmsg(fd, []byte(state), rights, &unix.SockaddrUnix{Name: path}, unix.MSG_NOSIGNAL); err != nil {
		return fmt.Errorf("notifying systemd: %w", err)
	}
	return nil
}

// descriptor returns the number of an open file. File.Fd would make it block,
// and the stub's own socket, which is the same to the kernel, with it.
func descriptor(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err == nil {
		err = errors.Join(err, raw.Control(func(n uintptr) { fd = int(n) }))
	}
	return fd, err
}
