package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errStopping means that SIGTERM came first.
var errStopping = errors.New("the daemon was asked to stop")

// armSignals has SIGHUP sent to reload, and ends the context that it returns
// at the first SIGTERM; the next one ends the process.
func armSignals(ctx context.Context, reload chan<- os.Signal) context.Context {
	signal.Notify(reload, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

// disarmSignals prepares for execve, after which the new image has no handlers
// for some milliseconds. SIGHUP is ignored for that time: whoever sent it wants
// the files read anew, and they are read later than that. SIGTERM ends the
// process, as if the daemon were killed; one that came before is not lost.
func disarmSignals() error {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGTERM, os.Interrupt)
	signal.Ignore(syscall.SIGHUP)
	signal.Reset(syscall.SIGTERM, os.Interrupt)
	signal.Stop(came) // waits for what is under way
	select {
	case <-came:
		return errStopping
	default:
		return nil
	}
}
