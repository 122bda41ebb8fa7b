package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"edgeagent/internal/handover"
)

// Handover is a Listener on its way to the agent that takes over: descriptors of
// the socket and of the lock. Clients that connect meanwhile wait.
type Handover struct {
	Socket int `json:"socket"`
	Lock   int `json:"lock"`
}

// FDs returns the descriptors in h.
func (h *Handover) FDs() []int {
	if h == nil {
		return nil
	}
	return []int{h.Socket, h.Lock}
}

// HandOver returns the socket for Adopt. Close, which is still due, then leaves
// socket and lock in place.
func (l *Listener) HandOver() (*Handover, error) {
	socket, err := handover.Dup(l.UnixListener)
	if err != nil {
		return nil, fmt.Errorf("handing over the control socket: %w", err)
	}
	lock, err := handover.Dup(l.lock)
	if err != nil {
		handover.Close(socket)
		return nil, fmt.Errorf("handing over the control socket's lock: %w", err)
	}
	l.SetUnlinkOnClose(false)
	return &Handover{Socket: socket, Lock: lock}, nil
}

// errOtherSocket means that h is of another runtime directory, or was removed.
var errOtherSocket = errors.New("not the socket of this path")

// Adopt takes over what HandOver returned. h is used up, whether or not that
// works.
func Adopt(path string, h *Handover) (*Listener, error) {
	lock := os.NewFile(uintptr(h.Lock), "lock")
	l, err := adopt(path, h.Socket)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("taking over the control socket: %w", err)
	}
	return &Listener{l, lock}, nil
}

func adopt(path string, fd int) (*net.UnixListener, error) {
	file := os.NewFile(uintptr(fd), "control socket")
	if file == nil {
		return nil, fs.ErrInvalid
	}
	defer file.Close()
	generic, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	l, ok := generic.(*net.UnixListener)
	if !ok {
		generic.Close()
		return nil, errOtherSocket
	}
	info, err := os.Lstat(path)
	if l.Addr().String() != path || err != nil || info.Mode().Type() != fs.ModeSocket {
		l.SetUnlinkOnClose(false)
		l.Close()
		return nil, errOtherSocket
	}
	l.SetUnlinkOnClose(true) // FileListener does not
	return l, nil
}
