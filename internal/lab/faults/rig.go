package faults

import (
	"context"
	"fmt"

	"edgeagent/internal/lab"
)

// Rig is a lab with the agent in it, as the rows see it.
type Rig struct {
	*lab.Lab
	Agent *lab.Agent
	Bin   string // the program under test
}

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
