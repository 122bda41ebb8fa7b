package lab

import (
	"context"
	"embed"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"edgeagent/internal/lab/pki"
)

//go:embed conf
var confFiles embed.FS

// data is what the templates under conf know.
type data struct {
	Dir, Region                 string
	EndpointHost, TunnelingHost string
	VPNHost, OrdinaryHost       string
	BrokerPort                  int

	ResolverAddr, TunnelingAddr, PublicTunnelingAddr netip.Addr
	VPNAddr, OrdinaryAddr, PublicDNS                 netip.Addr
	TrapAddrs, UplinkDNS, Brokers, Listeners         []netip.Addr
	Resolvers                                        []netip.Addr

	Zone, TunnelingZone                 string
	TTL                                 int
	Shadowing, SplitTunnel, FieldConfig bool
	BrokerKeeps                         bool
	VPNCA, VPNCert, VPNKey              string
}

// data collects it for one lab.
func (l *Lab) data() data {
	lan := l.opts.lan()
	d := data{
		Dir: l.Dir, Region: Region,
		EndpointHost: EndpointHost, TunnelingHost: TunnelingHost,
		VPNHost: VPNHost, OrdinaryHost: OrdinaryHost, BrokerPort: BrokerPort,
		ResolverAddr: ResolverAddr, TunnelingAddr: TunnelingAddr, PublicTunnelingAddr: PublicTunnelingAddr,
		VPNAddr: VPNAddr, OrdinaryAddr: OrdinaryAddr, PublicDNS: PublicDNS,
		TrapAddrs: TrapAddrs, Brokers: BrokerAddrs, Listeners: slices.Concat(BrokerAddrs, OtherAddrs),
		UplinkDNS: append([]netip.Addr{lan.Gateway.Addr(), PublicDNS}, lan.Squatters...),
		Resolvers: l.resolvers(),
		Zone:      EndpointHost, TunnelingZone: TunnelingHost, TTL: l.opts.ttl(),
		BrokerKeeps: l.opts.BrokerKeeps,
		Shadowing:   l.opts.ShadowingZone, SplitTunnel: l.opts.SplitTunnel, FieldConfig: l.opts.FieldConfig,
		VPNCA:   string(l.certs.vpnCA.CertPEM()),
		VPNCert: string(l.certs.vpnClient.CertPEM), VPNKey: string(l.certs.vpnClient.KeyPEM),
	}
	if l.opts.ShadowingZone {
		d.Zone, d.TunnelingZone = zoneHost, zoneHost
	}
	return d
}

// makeFiles writes what the lab's programs and the agent read.
func (l *Lab) makeFiles(context.Context) error {
	for _, dir := range []string{"pki", "log", "uplink", "vpc/ccd", "office", "device/run", "device/state"} {
		if err := os.MkdirAll(l.path(dir), 0o755); err != nil {
			return err
		}
	}
	var err error
	if l.certs, err = makeCertificates(l.opts); err != nil {
		return err
	}
	if err := l.certs.write(l.path("pki")); err != nil {
		return err
	}
	for _, file := range []string{
		"uplink/dnsmasq.conf", "uplink/hosts", "uplink/trap.conf",
		"vpc/unbound.conf", "vpc/openvpn-server.conf", "vpc/mosquitto.conf",
		"device/client.ovpn", "device/sshd_config",
	} {
		if err := l.render(file); err != nil {
			return err
		}
	}
	return l.writeConfig()
}

// render writes a file of the lab from the template of the same name.
func (l *Lab) render(file string) error {
	name := filepath.Base(file)
	t, err := template.ParseFS(confFiles, "conf/"+name)
	if err != nil {
		return fmt.Errorf("reading the template of %s: %w", name, err)
	}
	var text strings.Builder
	if err := t.Execute(&text, l.data()); err != nil {
		return fmt.Errorf("rendering %s: %w", name, err)
	}
	if err := os.WriteFile(l.path(file), []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// certificates are those of the VPN and those of AWS IoT, which share nothing.
type certificates struct {
	vpnCA, iotCA              *pki.CA
	vpnServer, vpnClient      *pki.Pair
	broker, tunneling, device *pki.Pair
}

// makeCertificates issues what the options leave good or make faulty.
func makeCertificates(opts Options) (*certificates, error) {
	c := &certificates{}
	var err error
	if c.vpnCA, err = pki.NewCA("Lab Client VPN CA"); err != nil {
		return nil, err
	}
	if c.iotCA, err = pki.NewCA("Lab Amazon Root CA 1"); err != nil {
		return nil, err
	}
	for _, issue := range []func() error{
		func() error { c.vpnServer, err = c.vpnCA.Server("server.vpn.lab", opts.VPNServerCert...); return err },
		func() error { c.vpnClient, err = c.vpnCA.Client(Thing, opts.VPNClientCert...); return err },
		func() error { c.broker, err = c.iotCA.Server(EndpointHost, opts.BrokerCert...); return err },
		func() error { c.tunneling, err = c.iotCA.Server(TunnelingHost); return err },
		func() error { c.device, err = c.iotCA.Client(Thing, opts.DeviceCert...); return err },
	} {
		if err := issue(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// write puts them where the programs' configs expect them.
func (c *certificates) write(dir string) error {
	if _, err := c.vpnCA.WriteCert(dir, "vpn-ca"); err != nil {
		return err
	}
	if _, err := c.iotCA.WriteCert(dir, "iot-ca"); err != nil {
		return err
	}
	for name, pair := range map[string]*pki.Pair{
		"vpn-server": c.vpnServer, "vpn-client": c.vpnClient,
		"broker": c.broker, "device": c.device,
	} {
		if _, _, err := pair.Write(dir, name); err != nil {
			return err
		}
	}
	return nil
}
