package rival

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"text/template"
	"time"

	"edgeagent/internal/lab"
)

// conf is the stack's configuration, as it lies on the device.
//
//go:embed conf
var conf embed.FS

// Places on the device, and the units' names.
const (
	openvpnUnitFile = "/lib/systemd/system/openvpn-client@.service"
	openvpnConfig   = "/etc/openvpn/client/clientvpn.conf"
	openvpnScript   = "/etc/openvpn/vpn-dns"
	gatewayScript   = "/etc/gateway/gateway.py"
	openvpnUnit     = "openvpn-client@clientvpn"
	gatewayUnit     = "gateway"
)

// lost is how the stack's own programs say that something is lost: what a person
// who reads the journal would see first.
var lost = regexp.MustCompile(`Inactivity timeout|process restarting|process exiting|Main process exited|gateway: disconnected|gateway: connect failed`)

// stack is one of the two that are compared, running on a lab's device.
type stack interface {
	// noticed tells when the stack itself first knew of a loss since then, and
	// what it said.
	noticed(since time.Time) (entry, bool)
	killMQTT()
	tail(n int) string
	stop()
}

// articles is the stack of the articles.
type articles struct {
	*journal
	openvpn, gateway *supervisor
}

// startArticles installs the stack on the device and starts it, both units at
// once as at boot.
func startArticles(l *lab.Lab, bin string) (*articles, error) {
	units, err := install(l, bin)
	if err != nil {
		return nil, fmt.Errorf("installing the articles' stack: %w", err)
	}
	a := &articles{journal: &journal{}}
	run := func(name string) (*supervisor, error) {
		return supervise(name, units[name], a.journal, func() (process, error) {
			return launch(l, name, units[name], a.journal)
		})
	}
	if a.openvpn, err = run(openvpnUnit); err != nil {
		return nil, err
	}
	if a.gateway, err = run(gatewayUnit); err != nil {
		a.openvpn.stop()
		return nil, err
	}
	return a, nil
}

// install puts the stack's files on the device and reads its unit files. The
// certificates lie where the lab has them, as for the agent.
func install(l *lab.Lab, bin string) (map[string]Unit, error) {
	ovpn, err := os.ReadFile(filepath.Join(l.Dir, "device", "client.ovpn"))
	if err != nil {
		return nil, err
	}
	added, err := conf.ReadFile("conf/clientvpn.append")
	if err != nil {
		return nil, err
	}
	if err := place(l, openvpnConfig, append(ovpn, added...), 0o600); err != nil {
		return nil, err
	}
	for file, name := range map[string]string{openvpnScript: "vpn-dns", gatewayScript: "gateway.py"} {
		text, err := conf.ReadFile("conf/" + name)
		if err != nil {
			return nil, err
		}
		if err := place(l, file, text, 0o755); err != nil {
			return nil, err
		}
	}
	return readUnits(l, bin)
}

// place writes a file into the device's own /etc: elsewhere it has the host's files.
func place(l *lab.Lab, file string, text []byte, mode os.FileMode) error {
	return l.Device.Do(func() error {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, text, mode)
	})
}

// readUnits reads Debian's unit with the drop-in, and the gateway's own.
func readUnits(l *lab.Lab, bin string) (map[string]Unit, error) {
	debian, err := os.ReadFile(openvpnUnitFile)
	if err != nil {
		return nil, err
	}
	dropIn, err := conf.ReadFile("conf/restart.conf")
	if err != nil {
		return nil, err
	}
	service, err := template.ParseFS(conf, "conf/gateway.service")
	if err != nil {
		return nil, err
	}
	var own bytes.Buffer
	err = service.Execute(&own, map[string]string{
		"Endpoint": lab.EndpointHost, "Dir": l.Dir, "Thing": lab.Thing, "Region": lab.Region, "Localproxy": bin,
	})
	if err != nil {
		return nil, err
	}
	openvpn, err := ParseUnit("clientvpn", string(debian), string(dropIn))
	if err != nil {
		return nil, err
	}
	gateway, err := ParseUnit("", own.String())
	return map[string]Unit{openvpnUnit: openvpn, gatewayUnit: gateway}, err
}

func (a *articles) noticed(since time.Time) (entry, bool) { return a.first(since, lost) }

func (a *articles) killMQTT() { a.gateway.signal(syscall.SIGKILL) }

func (a *articles) stop() {
	a.gateway.stop()
	a.openvpn.stop()
}
