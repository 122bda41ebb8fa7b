// Command edgeagent keeps one private path from a gateway into a VPC, explains
// it on one screen, and is the proxy at the end of a secure tunnel.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"edgeagent/internal/agent"
	"edgeagent/internal/config"
)

func main() {
	growStack()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// growStack makes room on the stack while little is on it. Every later growth
// would walk all frames of the command line's depth, and read the tables of every
// function in them from the SD card: 1 MB of what status needs.
//
//go:noinline
func growStack() byte {
	var room [24 << 10]byte
	return room[len(os.Args)&1]
}

// run carries out one command line and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	return execute(newRootCommand(agent.Run), args, stdout, stderr)
}

// execute runs root. The first SIGINT or SIGTERM asks the command to end, the
// second one ends it.
func execute(root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	ctx, signals := takeInterrupts(context.Background())
	defer signals.end()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return exitStatus(root.ExecuteContext(ctx), stderr)
}

// Exit statuses of every command but localproxy, which has more.
const (
	exitOK          = 0
	exitNotOK       = 1 // something is not ok
	exitUsage       = 2 // wrong usage or configuration
	exitUnreachable = 3 // the daemon cannot be reached
)

// exitError ends the program with a status. Without err nothing is printed: the
// command has said what there is to say.
type exitError struct {
	status int
	err    error
}

// Error implements error.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

// Unwrap gives errors.Is and errors.As the cause.
func (e *exitError) Unwrap() error { return e.err }

// ExitCode returns the exit status.
func (e *exitError) ExitCode() int { return e.status }

// exitStatus prints err and returns the status that it stands for.
func exitStatus(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	printError(err, stderr)
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return exitNotOK
}

// printError prints each line of err. Faults of a configuration begin with their
// file and line, so that an editor can jump there.
func printError(err error, stderr io.Writer) {
	var exit *exitError
	if errors.As(err, &exit) && exit.err == nil {
		return
	}
	prefix := "edgeagent: "
	if errors.As(err, new(config.Errors)) {
		prefix = ""
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(stderr, prefix+line)
	}
}
