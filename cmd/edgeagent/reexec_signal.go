package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// armSignals has SIGHUP sent to reload, and SIGTERM end the context that the
// program was started with.
func armSignals(ctx context.Context, reload chan<- os.Signal) {
	signal.Notify(reload, syscall.SIGHUP)
	if i := interruptsOf(ctx); i != nil {
		i.arm()
	}
}

// disarmSignals prepares for execve, after which the new image has no handlers
// for some milliseconds. SIGHUP is ignored for that time: whoever sent it wants
// the files read anew, and they are read later than that. SIGTERM ends the
// process, as if the daemon were killed; one that came before is errStopping.
func disarmSignals(ctx context.Context) error {
	signal.Ignore(syscall.SIGHUP)
	if i := interruptsOf(ctx); i != nil {
		return i.disarm()
	}
	return nil
}
