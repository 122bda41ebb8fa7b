// Command labctl runs the lab for people: it brings it up and keeps it, enters
// it, tells the agent's whole story in it, and measures the agent there.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"edgeagent/internal/lab"
)

const usage = `usage: labctl up [EDGEAGENT]        bring a lab up, with the agent if given, until Ctrl-C
       labctl shell [NODE [CMD ...]]  enter a running lab: device (default), uplink or vpc
       labctl demo EDGEAGENT        the whole story in under 90 s
       labctl bench [-only NAME,...] [-page docs/performance.md] [-packages dist] [-version V] EDGEAGENT
                                    measure the agent, write the page
       labctl field EDGEAGENT       break it in every way, write down what it says
       labctl faults [-run REGEXP] [-parallel N] [-o FILE] EDGEAGENT
                                    break it while it runs, measure how it comes back;
                                    $EDGEAGENT_FAULT_LOGS: directory for logs of red rows
       labctl soak [-for 1h] [-seed N] [-run REGEXP] [-o FILE] EDGEAGENT
                                    everything at random, for a long time
       labctl fleet DIR             simulate a fleet's return, write DIR/fleet.md and its pictures
       labctl sweep                 remove what killed labs have left
`

var errUsage = errors.New("wrong usage")

func main() {
	// sudo and su leave these out on some machines.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	// A lab must be taken down on Ctrl-C, on a lost terminal and by systemd.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(exitCode(run(ctx, os.Args[1:])))
}

// exitCode prints the error and says what to end with.
func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		if err != errUsage { // what is wrong, where it is said
			fmt.Fprintln(os.Stderr, "labctl:", err)
		}
		return 2
	}
	fmt.Fprintln(os.Stderr, "labctl:", err)
	return 1
}

// run runs a command until it is done or ctx ends.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	command, rest := args[0], args[1:]
	switch {
	case command == "up" && len(rest) <= 1:
		return up(ctx, os.Stdout, append(rest, "")[0])
	case command == "shell":
		return shell(rest)
	case command == "demo" && len(rest) == 1:
		return demo(ctx, os.Stdout, rest[0])
	case command == "bench":
		return measure(ctx, rest)
	case command == "field" && len(rest) == 1:
		return fieldTests(ctx, os.Stdout, rest[0])
	case command == "faults":
		m, err := newMatrix(rest)
		if err != nil {
			return err
		}
		return m.play(ctx, os.Stdout, os.Stderr)
	case command == "soak":
		return soakTest(ctx, os.Stdout, rest)
	case command == "fleet" && len(rest) == 1:
		return fleetStorm(os.Stdout, rest[0])
	case command == "sweep" && len(rest) == 0:
		return lab.Sweep()
	}
	return errUsage
}
