package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/internal/lab"
)

// ErrLeftOut means that a fault cannot be had on this computer.
var ErrLeftOut = errors.New("left out")

// Rig is a lab with the agent in it, as the rows see it.
type Rig struct {
	*lab.Lab
	Agent *lab.Agent // the daemon that was started first, unless a row replaces it
	Bin   string     // the program under test
	Note  string     // what a row wants written beside its result

	supervisor *lab.Supervisor // with Row.Supervised
	ends       []func()
}

// Running is the daemon that runs now.
func (r *Rig) Running() *lab.Agent {
	if r.supervisor != nil {
		return r.supervisor.Agent()
	}
	return r.Agent
}

// seedEnv repeats what a row did at random, whose seed its result names.
const seedEnv = "EDGEAGENT_FAULTS_SEED"

// random returns a source of random numbers and the seed that repeats it.
func random() (uint64, *rand.Rand) {
	seed, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	return seed, rand.New(rand.NewPCG(seed, 0))
}

// atEnd has something done when the lab is gone.
func (r *Rig) atEnd(do func()) { r.ends = append(r.ends, do) }

// do makes an Inject or Lift of what needs nothing but the lab.
func do(f func(l *lab.Lab) error) func(context.Context, *Rig) error {
	return func(_ context.Context, r *Rig) error { return f(r.Lab) }
}

// typed runs a shell line on the gateway.
func typed(line string) func(context.Context, *Rig) error {
	return func(ctx context.Context, r *Rig) error {
		if out, err := r.Device.Run(ctx, "sh", "-c", line); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
}

// answering has the VPC resolver answer in that way.
func answering(how lab.Answers) func(context.Context, *Rig) error {
	return func(ctx context.Context, r *Rig) error { return r.ResolverAnswers(ctx, how) }
}

// prlimit sets the limit of open files of a process, by the host's id.
func prlimit(pid int, files uint64) error {
	limit := unix.Rlimit{Cur: files, Max: 1 << 14}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		return fmt.Errorf("limiting open files: %w", err)
	}
	return nil
}
