package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"edgeagent/internal/config"
	"edgeagent/internal/vpn"
)

// checkProfile reads the .ovpn files for what cannot work, and names what the
// agent leaves out of them.
func checkProfile(_ context.Context, x *examination) outcome {
	var files, left, faults []string
	for _, l := range x.config.Links {
		if l.Type != config.LinkOpenVPN {
			continue
		}
		in, err := vpn.Inspect(l)
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		files = append(files, l.Config)
		faults = append(faults, in.Faults...)
		left = append(left, in.Left...)
	}
	switch {
	case len(faults) > 0:
		return fault(strings.Join(faults, "\n"), "correct the .ovpn file at the line named here, or download it again from the Client VPN endpoint's page.")
	case len(files) == 0:
		return skipped("no link is of type openvpn")
	case len(left) > 0:
		slices.Sort(left)
		return ok(fmt.Sprintf("%s; the agent does the work of %s", strings.Join(files, ", "), strings.Join(left, ", ")))
	}
	return ok(strings.Join(files, ", "))
}
