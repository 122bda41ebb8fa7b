// Package check diagnoses a gateway from scratch, beside the daemon or without
// it: configuration, files, clock, disk, power, uplink, link, DNS, endpoint,
// broker, tunnel. It changes nothing, and it asks no question in the open that
// the daemon would not ask: a private name goes to the VPC resolver, through
// the link's device, or nowhere. Nothing here assumes that there is an
// internet.
//
// # How it is built
//
// Each check is a function with an id and the ids of those that it stands on.
// They run side by side, a check as soon as those before it have ended; what
// one has learnt and others build on is in the examination. A check whose
// ground is missing is skipped and says which it is, so that the first error
// from the top is the cause.
package check

import (
	"context"
	"time"

	"edgeagent/internal/status"
)

// State is how a check came out.
type State string

// The outcomes of a check.
const (
	OK      State = "ok"
	Warning State = "warning" // works, and will bite
	Error   State = "error"
	Skipped State = "skipped" // could not be looked at; Finding says why
)

// severity orders states from good to bad. What was skipped says nothing.
func (s State) severity() int {
	switch s {
	case Warning:
		return 1
	case Error:
		return 2
	}
	return 0
}

// Result is what one check found.
type Result struct {
	ID      string `json:"id"`    // stable, e.g. dns.leak
	Title   string `json:"title"` // what was looked at
	State   State  `json:"state"`
	Finding string `json:"finding"` // with figures; no secrets
	Fix     string `json:"fix"`     // one concrete action; "" if there is nothing to do
	TookMS  int64  `json:"took_ms"` // milliseconds

	// The same for people who read another language; nil if the result was read
	// back from JSON, which is English.
	finding, fix words
}

// Schema is the version of the JSON that Report marshals to. Fields may be
// added within a schema; none is renamed or removed.
const Schema = 1

// Report is the outcome of all checks that were asked for, in the order of the
// path.
type Report struct {
	Schema  int       `json:"schema"`
	Version string    `json:"version"`
	Device  string    `json:"device"`
	State   State     `json:"state"` // the worst of all
	Now     time.Time `json:"now"`
	Checks  []Result  `json:"checks"`
}

// Options say what is examined.
type Options struct {
	ConfigFile           string
	StateDir, RuntimeDir string
	Version              string
	Build                time.Time // of this program: no clock before it is right
	// Daemon asks a running daemon for its status. Nil, or an error: there is
	// none, and all is found out without it.
	Daemon func(ctx context.Context) (status.Snapshot, error)
	// Root is put before the paths of /etc, /proc, /run and /sys that are read;
	// "" but in tests.
	Root string
}

// Limits of the whole and of one check. With what a check that hangs is given
// beyond, and the broker's farewell, all is over within 15 s.
const (
	wholeLimit = 13 * time.Second
	checkLimit = 6 * time.Second
	// daemonLimit is for a program on the same device.
	daemonLimit = 2 * time.Second
	// grace is for a check to say how far it came when its time is over.
	grace = 300 * time.Millisecond
	// believable is how long a check must have run for what it says when the
	// time for all is over: cut shorter, silence proves nothing.
	believable = 2 * time.Second
)

// check is one thing to look at. Its title is in the catalogues.
type check struct {
	id    string
	needs []string      // ids that must have ended, and not with error or skipped
	after []string      // ids that must have ended, however
	limit time.Duration // 0: checkLimit
	run   func(ctx context.Context, x *examination) outcome
}

// outcome is a Result without what the runner knows.
type outcome struct {
	state        State
	finding, fix words // fix is nil if there is nothing to do
	// learn writes down what other checks build on. It is not called if the
	// check ends too late.
	learn func(x *examination)
}

func ok(finding words) outcome { return outcome{state: OK, finding: finding} }

func warning(finding, fix words) outcome {
	return outcome{state: Warning, finding: finding, fix: fix}
}

func fault(finding, fix words) outcome { return outcome{state: Error, finding: finding, fix: fix} }

func skipped(why words) outcome { return outcome{state: Skipped, finding: why} }

// learning returns o with what it has learnt.
func (o outcome) learning(learn func(x *examination)) outcome {
	o.learn = learn
	return o
}
