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

// interrupts has the first SIGINT or SIGTERM end a context, and the next one the
// process. Nobody else in the process asks for these signals: disarm must have
// the last channel.
type interrupts struct {
	end  context.CancelFunc
	ends chan os.Signal // ends the context
	kept chan os.Signal // has what ends has had, until disarm looks
}

// interruptsKey finds the interrupts in the context that they end.
type interruptsKey struct{}

// takeInterrupts is called once in a process.
func takeInterrupts(parent context.Context) (context.Context, *interrupts) {
	ctx, end := context.WithCancel(parent)
	i := &interrupts{end: end, ends: make(chan os.Signal, 1), kept: make(chan os.Signal, 1)}
	i.arm()
	go func() {
		select {
		case <-i.ends:
			end()
		case <-ctx.Done():
		}
		signal.Stop(i.ends)
		signal.Stop(i.kept)
	}()
	return context.WithValue(ctx, interruptsKey{}, i), i
}

// interruptsOf returns those of a command; nil if its context has none.
func interruptsOf(ctx context.Context) *interrupts {
	i, _ := ctx.Value(interruptsKey{}).(*interrupts)
	return i
}

// arm asks for the signals, again after disarm.
func (i *interrupts) arm() {
	signal.Notify(i.ends, os.Interrupt, syscall.SIGTERM)
	signal.Notify(i.kept, os.Interrupt, syscall.SIGTERM)
}

// disarm leaves the signals to the kernel, which ends the process by them. One
// that came before is not lost: errStopping. signal.Stop of the last channel waits
// for what the process has been given and the channel has not; signal.Reset would
// drop it.
func (i *interrupts) disarm() error {
	signal.Stop(i.ends)
	signal.Stop(i.kept)
	select {
	case <-i.kept:
		return errStopping
	default:
		return nil
	}
}
