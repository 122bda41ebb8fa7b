package check

import (
	"context"
	"slices"
	"strings"

	"edgeagent/internal/config"
	"edgeagent/internal/vpn"
)

// checkProfile reads the .ovpn files for what cannot work, for what works badly,
// and names what the agent leaves out of them.
func checkProfile(_ context.Context, x *examination) outcome {
	var files, left []string
	faults, traps := list{between: "\n"}, list{between: "\n"}
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
		left = append(left, in.Left...)
	}
	switch {
	case len(faults.parts) > 0:
		return fault(faults, say("profile.fix"))
	case len(traps.parts) > 0:
		return warning(traps, say("profile.traps.fix"))
	case len(files) == 0:
		return skipped(say("profile.none"))
	case len(left) > 0:
		slices.Sort(left)
		return ok(say("profile.left", strings.Join(files, ", "), strings.Join(left, ", ")))
	}
	return ok(plain(strings.Join(files, ", ")))
}
