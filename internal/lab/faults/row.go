package faults

import (
	"context"
	"errors"
	"slices"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// Bounds that every row keeps unless it names a timer of the world's own.
const (
	DetectBound  = 40 * time.Second
	RecoverBound = 5 * time.Second
)

// Row is one fault.
type Row struct {
	Name string
	How  string // what is done, for the report: a command or a sentence

	Options lab.Options
	// Before is done before the agent starts; nil: nothing.
	Before func(ctx context.Context, r *Rig) error
	// Warm does once what a gateway in use has long done, before what it holds is
	// counted; nil: nothing.
	Warm func(ctx context.Context, r *Rig) error
	// Inject breaks it once all is well and messages flow; Lift takes the fault
	// away, nil: it passes, or is repaired, by itself. Recovery counts from the
	// moment Lift returns, or else from the fault.
	Inject, Lift func(ctx context.Context, r *Rig) error
	// After looks at what the fault is expected to leave behind, and puts away what
	// the row itself has opened, such as a tunnel, once all is well again and before
	// leaks are looked for; nil: nothing.
	After func(ctx context.Context, r *Rig) error
	// Want are the root causes of which any is right. None: the fault is to be
	// absorbed, and status stays ok throughout.
	Want []Want
	// Passes has status allowed to name any of Want, or nothing: a fault that may
	// be over before it can be seen. Without Want it may name anything, if only it
	// comes back.
	Passes bool
	// World is the world's own timer that rules detection or recovery beyond the
	// bounds, with its length; "" if the bounds apply.
	World string
	// Quiet has no stream of messages run beside it: the fault is about messages.
	// So has every row that wants a cause of the tunnel stage.
	Quiet bool
	// Supervised has a stand-in for systemd keep the daemon, with the timers of
	// the shipped unit; Watchdog, unless 0, goes for the unit's WatchdogSec=.
	Supervised bool
	Watchdog   time.Duration
	// Soak means that the fault may be injected into a running lab again and
	// again: it needs no Options and no Before.
	Soak bool
	// Stays is part of what may be left over, as it is how the world is after the
	// row; "" if nothing may.
	Stays string
	// LeftOut says why the row cannot be played in the lab, and what proves it
	// instead; "" if it is played.
	LeftOut string
}

// errNotInjected ends a Lift or an After whose Inject came to nothing.
var errNotInjected = errors.New("the fault was not injected")

// Want is a root cause: a stage and its reason. Stage "daemon" is a daemon that
// does not answer.
type Want struct {
	Stage  string
	Reason status.Reason
}

// Rows returns all faults in the order of the path.
func Rows() []Row {
	return slices.Concat(linkRows(), dnsRows(), brokerRows(), tunnelRows(), daemonRows(), pairRows())
}
