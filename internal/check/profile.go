package check

import (
	"context"
	"strings"

	"edgeagent/internal/config"
	"edgeagent/internal/vpn"
)

// checkProfile reads the .ovpn files for what cannot work, for what works badly,
// and names what the agent leaves out of them.
func checkProfile(_ context.Context, x *examination) outcome {
	var files []string
	faults, traps, left := list{between: "\n"}, list{between: "\n"}, list{between: ", "}
	for _, l := range x.config.Links {
		if l.Type != config.LinkOpenVPN {
			continue
		}
		in, err := vpn.Inspect(l)
		if err != nil {
			faults.parts = append(faults.parts, foreign(err.Error()))
			continue
		}
		files = append(files, l.Config)
		for _, f := range in.Faults {
			faults.parts = append(faults.parts, foreign(f))
		}
		traps.parts = append(traps.parts, pitfalls(l.Config, x.config)...)
		for _, l := range in.Left {
			left.parts = append(left.parts, foreign(l))
		}
	}
	switch {
	case len(faults.parts) > 0:
		return fault(faults, say("profile.fix"))
	case len(traps.parts) > 0:
		return warning(traps, say("profile.traps.fix"))
	case len(files) == 0:
		return skipped(say("profile.none"))
	case len(left.parts) > 0:
		return ok(say("profile.left", strings.Join(files, ", "), left))
	}
	return ok(plain(strings.Join(files, ", ")))
}
