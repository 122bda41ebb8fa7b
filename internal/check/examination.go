package check

import (
	"net/netip"
	"os"
	"path/filepath"

	"edgeagent/internal/config"
	"edgeagent/internal/mqtt"
	"edgeagent/internal/resolver"
	"edgeagent/internal/status"
)

// examination is what the checks have learnt so far. A check reads only what
// those that it stands on have written; the runner writes it, in outcome.learn,
// before the next ones start.
type examination struct {
	o Options

	config config.Config
	known  bool             // config is there
	daemon *status.Snapshot // nil: no daemon answers
	uplink uplink
	path   resolver.Path
	addrs  []netip.Addr // private addresses of the endpoint
	// tunnelAddrs are the private addresses of the tunneling service, none if it
	// is public; tunnelPort is its port.
	tunnelAddrs []netip.Addr
	tunnelPort  uint16
	trial       *mqtt.Trial // TLS is up
	connected   bool        // by the trial
	ends        []func()    // when all checks are over
}

func newExamination(o Options) *examination { return &examination{o: o} }

// file puts the root before an absolute path.
func (x *examination) file(path string) string { return filepath.Join("/", x.o.Root, path) }

// device is the thing's name, or at least this computer's.
func (x *examination) device() string {
	if x.known {
		return x.config.Device.Thing
	}
	name, err := os.Hostname()
	if err != nil {
		return "this device"
	}
	return name
}

// stage returns what the daemon says of one stage; false if there is no daemon.
func (x *examination) stage(name string) (status.Condition, bool) {
	if x.daemon == nil {
		return status.Condition{}, false
	}
	return x.daemon.Stage(name)
}

// close ends what checks have left open for others.
func (x *examination) close() {
	for _, end := range x.ends {
		end()
	}
}
