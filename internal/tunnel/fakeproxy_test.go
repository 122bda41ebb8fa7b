package tunnel

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary plays the proxy processes. Their environment is swept, so a
// fake is told what to do by the first part of its token ("connect.1234"), and
// where to leave word by the address of its service.
func TestMain(m *testing.M) {
	if token := os.Getenv(envAccessToken); token != "" {
		mode, _, _ := strings.Cut(token, ".")
		fakes[mode](token)
		os.Exit(0)
	}
	if dir := os.Getenv(envParentOf); dir != "" {
		playParent(dir)
	}
	os.Exit(m.Run())
}

// fakes are kinds of proxy. One that returns exits with status 0.
var fakes = map[string]func(token string){
	"connect": func(string) {
		say(event{Event: eventConnecting, Address: "10.0.6.105:443"})
		connect()
		untilTerm()
		say(event{Event: eventClosed, Reason: "asked to end"})
	},
	"stubborn": func(string) {
		signal.Ignore(syscall.SIGTERM)
		connect()
		time.Sleep(3 * patience) // longer than any test waits
	},
	"zero":  func(string) {},
	"crash": func(token string) { connect(); panic("no more " + token) },
	"crashonce": func(string) {
		if leave("crashed", []byte(os.Getenv(envClientToken))) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		describe()
	},
	"denied": func(token string) {
		say(event{Event: eventClosed, Reason: "the service refused " + token, Code: codeDenied})
		os.Exit(codeDenied)
	},
	"family": func(string) { // leaves a deaf child behind that holds all its descriptors
		child := exec.Command("/proc/self/exe")
		child.Env = []string{envAccessToken + "=stubborn.1"}
		child.Stdout, child.Stderr, child.ExtraFiles = os.Stdout, os.Stderr, []*os.File{events()}
		if err := child.Start(); err != nil {
			panic(err)
		}
		leave("child", []byte(fmt.Sprint(child.Process.Pid)))
		say(event{Event: eventClosed, Reason: "done"})
	},
	"spill": func(token string) {
		fmt.Fprintf(os.Stderr, "header access-token: %s\nclient-token %s\n%s%s\n", token, os.Getenv(envClientToken), strings.Repeat("x", 2*maxOutputLine), token)
		fmt.Println("on stdout " + token)
		_, _ = events().WriteString("garbage " + token + "\n" + strings.Repeat("g", 2*maxEventLine) + "\n")
		connect()
		say(event{Event: eventRetry, Reason: "dialling with " + token, AfterMS: 1})
		untilTerm()
	},
	"describe": func(string) { describe() },
	"reference": func(string) {
		fmt.Println("[2026-11-20T08:30:00.1]{1}[info]    Successfully established websocket connection with proxy server: wss://x:443")
		leave("described", describeSelf())
		untilTerm()
	},
}

func describe() {
	leave("described", describeSelf())
	connect()
	untilTerm()
}

// events is the pipe to the parent, opened once: the end of a second *os.File
// on the same descriptor would close it.
var events = sync.OnceValue(func() *os.File { return os.NewFile(eventsFD, "events") })

// say writes an event as the built-in proxy does, which the parent reads.
func say(e event) {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	if _, err := events().Write(append(line, '\n')); err != nil {
		os.Exit(3)
	}
}

// connect tells the pid in place of a channel.
func connect() { say(event{Event: eventConnected, ChannelID: fmt.Sprint(os.Getpid())}) }

// untilTerm waits for SIGTERM or, as the built-in proxy, until nobody reads its
// events any more.
func untilTerm() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if os.Getenv(envEventsFD) == "" {
		<-term
		return
	}
	for {
		select {
		case <-term:
			return
		case <-time.After(5 * time.Millisecond):
		}
		poll := []unix.PollFd{{Fd: eventsFD}}
		if _, err := unix.Poll(poll, 0); err == nil && poll[0].Revents&unix.POLLERR != 0 {
			os.Exit(4)
		}
	}
}

// leave writes a file for the test unless it is there already.
func leave(name string, data []byte) bool {
	at := slices.Index(os.Args, "-d") + 1
	_, dir, _ := strings.Cut(os.Args[at], "=")
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return false
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		panic(err)
	}
	return os.Rename(path+".new", path) == nil
}

// self is how a process finds itself.
type self struct {
	Args, Env  []string
	Dir, Stdin string
	FDs        []string // what stands open, by number and name
	PID, Group int
	Ambient    string // capabilities, in hex
	NoNewPrivs string
}

func describeSelf() []byte {
	me := self{Args: os.Args, Env: os.Environ(), PID: os.Getpid(), Group: syscall.Getpgrp()}
	me.Dir, _ = os.Getwd()
	me.Stdin, _ = os.Readlink("/proc/self/fd/0")
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		name, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(name, "anon_inode:") && !strings.HasPrefix(name, "/sys/fs/cgroup/") { // Go's own
			me.FDs = append(me.FDs, e.Name()+" "+strings.TrimRight(name, "[]0123456789"))
		}
	}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		switch key {
		case "CapAmb":
			me.Ambient = value
		case "NoNewPrivs":
			me.NoNewPrivs = value
		}
	}
	data, err := json.Marshal(me)
	if err != nil {
		panic(err)
	}
	return data
}
