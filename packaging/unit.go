package packaging

import _ "embed"

// Unit is the daemon's unit as it is shipped.
//
//go:embed debian/edgeagent.service
var Unit string
