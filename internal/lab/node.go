package lab

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// initScript is process 1 of a node.
//
//go:embed conf/init.sh
var initScript string

// What a program, and a node, may take that is not to be the hang of a whole
// test run.
const (
	commandTimeout = 2 * time.Minute
	outputGrace    = 5 * time.Second // for what a program has left behind with its pipes
	closeTimeout   = time.Minute
)

// Node is one machine of the lab: network, mount, process and host name
// namespaces of its own. It is safe for concurrent use.
type Node struct {
	Name string // also its host name

	init   *exec.Cmd
	stderr bytes.Buffer
	spaces namespaces
	ended  chan struct{} // closed when init is gone, and with it all its processes
	closed chan struct{} // closed to let the thread go that init was born on
}

// newNode starts a node with its loopback up and nothing else in its network.
func newNode(name string) (*Node, error) {
	n := &Node{Name: name, ended: make(chan struct{}), closed: make(chan struct{})}
	ready, err := n.startInit()
	if err != nil {
		return nil, fmt.Errorf("starting node %s: %w", name, err)
	}
	if err := n.settle(ready); err != nil {
		_ = n.close() // err is why
		return nil, fmt.Errorf("setting up node %s: %w: %s", name, err, strings.TrimSpace(n.stderr.String()))
	}
	return n, nil
}

// startInit starts the node's process 1. The kernel kills it when the thread
// that started it ends, so that thread is kept until the node is closed.
func (n *Node) startInit() (ready io.Reader, err error) {
	n.init = exec.Command("/bin/sh")
	n.init.Stdin = strings.NewReader(initScript)
	n.init.Stderr = &n.stderr
	n.init.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS,
		Pdeathsig:  unix.SIGKILL,
	}
	if ready, err = n.init.StdoutPipe(); err != nil {
		return nil, err
	}
	started := make(chan error, 1)
	go onThread(func() {
		err := n.init.Start()
		started <- err
		if err == nil {
			<-n.closed
		}
	})
	return ready, <-started
}

// settle waits for init's mounts and takes hold of its namespaces.
func (n *Node) settle(ready io.Reader) error {
	_, readErr := bufio.NewReader(ready).ReadString('\n')
	go func() {
		_ = n.init.Wait() // it only ever ends by our SIGKILL
		close(n.ended)
	}()
	if readErr != nil {
		return readErr
	}
	var err error
	if n.spaces, err = openNamespaces(n.init.Process.Pid, nsNet, nsUTS, nsPID, nsMnt); err != nil {
		return err
	}
	if err := n.Do(func() error { return unix.Sethostname([]byte(n.Name)) }); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	return n.ip("link set lo up")
}

// close kills every process of the node and waits until they are gone. One that
// the kernel does not let go, or that nobody has waited for, is named.
func (n *Node) close() error {
	_ = n.init.Process.Kill() // gone already is as good
	select {
	case <-n.ended:
	case <-time.After(closeTimeout):
		return fmt.Errorf("closing node %s: process 1 is %s after %v", n.Name, processState(n.Pid()), closeTimeout)
	}
	close(n.closed)
	n.spaces.close()
	return nil
}

// processState is the kernel's letter and what it waits in, see proc(5).
func processState(pid int) string {
	where, _ := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid)) // absent: gone at last
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, state, _ := strings.Cut(string(status), "State:")
	state, _, _ = strings.Cut(state, "\n")
	return strings.TrimSpace(state) + " in " + string(where)
}

// Pid returns the process id of the node's init, as the host sees it.
func (n *Node) Pid() int { return n.init.Process.Pid }

// Do runs fn inside the node, on a thread of its own: files that fn opens are
// the node's, sockets that it makes stay in the node's network, processes that
// it starts belong to the node.
func (n *Node) Do(fn func() error) error {
	return n.doIn(fn, nsNet, nsUTS, nsPID, nsMnt)
}

// doIn runs fn in some of the node's namespaces.
func (n *Node) doIn(fn func() error, kinds ...namespace) (err error) {
	onThread(func() {
		if err = n.spaces.enter(kinds...); err == nil {
			err = fn()
		}
	})
	return err
}

// Command prepares a program to be started by Start or Run.
func (n *Node) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/"
	cmd.WaitDelay = outputGrace
	return cmd
}

// Start starts cmd inside the node. The caller waits for it.
func (n *Node) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// Run runs a program inside the node, for two minutes at most, and returns what
// it wrote to its standard output. The error quotes its standard error.
func (n *Node) Run(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return n.finish(n.Command(ctx, name, args...), n.Do)
}

// ip runs lines of `ip -batch` in the node's network, with the host's processes
// in sight: they name the other end of a veth by its process id.
func (n *Node) ip(lines ...string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	_, err := n.finish(cmd, n.doInNet)
	return err
}

// nft loads a rule set into the node's network.
func (n *Node) nft(rules string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	_, err := n.finish(cmd, n.doInNet)
	return err
}

// doInNet enters the network alone and leaves files and processes the host's.
func (n *Node) doInNet(fn func() error) error { return n.doIn(fn, nsNet) }

// finish starts cmd by way of in (Do or doInNet), waits for it and turns a failure into an
// error that says what it was.
func (n *Node) finish(cmd *exec.Cmd, in func(func() error) error) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := in(cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		err = fmt.Errorf("running %s on %s: %w: %s",
			strings.Join(cmd.Args, " "), n.Name, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), err
}

// WriteFile writes a file as the node sees the file system.
func (n *Node) WriteFile(name, content string) error {
	return n.Do(func() error { return os.WriteFile(name, []byte(content), 0o644) })
}

// ReadFile reads a file as the node sees the file system.
func (n *Node) ReadFile(name string) (content string, err error) {
	err = n.Do(func() error {
		data, err := os.ReadFile(name)
		content = string(data)
		return err
	})
	return content, err
}
