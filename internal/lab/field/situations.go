package field

import (
	"context"
	"fmt"
	"net/netip"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/status"
)

// do makes a Break or Mend of what needs nothing but the lab.
func do(f func(l *lab.Lab) error) func(context.Context, *Field) error {
	return func(_ context.Context, field *Field) error { return f(field.Lab) }
}

// answering has the VPC resolver answer in that way.
func answering(how lab.Answers) func(context.Context, *Field) error {
	return func(ctx context.Context, f *Field) error { return f.ResolverAnswers(ctx, how) }
}

// typed runs a shell line on the gateway.
func typed(line string) func(context.Context, *Field) error {
	return func(ctx context.Context, f *Field) error {
		if out, err := f.Device.Run(ctx, "sh", "-c", line); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
}

// quirk is a stand-in for AWS IoT Core with that fault.
func quirk(q awsiot.Quirks) lab.Options { return lab.Options{AWSIoT: &q} }

// All returns the situations in the order of the path.
func All() []Situation {
	var all []Situation
	for _, part := range [][]Situation{daemon(), uplink(), vpn(), canal(), dns(), broker(), tunnel()} {
		all = append(all, part...)
	}
	return all
}

func daemon() []Situation {
	return []Situation{
		{Name: "all is well", How: "nothing", Break: do(func(*lab.Lab) error { return nil })},
		{Name: "daemon killed", How: "`kill -9` of the daemon, and nobody starts it again",
			Break: func(_ context.Context, f *Field) error { f.Agent.Kill(); return nil },
			Stage: "daemon", Check: "daemon"},
		{Name: "resolv.conf is a directory", How: "`rm /etc/resolv.conf; mkdir /etc/resolv.conf`",
			Break: typed("rm /etc/resolv.conf && mkdir /etc/resolv.conf"), Mend: typed("rmdir /etc/resolv.conf"),
			Stage: "dns", Reason: status.ReasonHostTrampled, Check: "dns.os"},
	}
}

func uplink() []Situation {
	return []Situation{
		{Name: "interface down", How: "`ip link set eth0 down`",
			Break: do((*lab.Lab).LinkDown), Mend: do((*lab.Lab).LinkUp),
			Stage: "link", Reason: status.ReasonNoUplink, Check: "uplink"},
		{Name: "cable out", How: "the other end of the cable goes down",
			Break: do((*lab.Lab).Unplug), Mend: do((*lab.Lab).Plug),
			Stage: "link", Reason: status.ReasonNoUplink, Check: "uplink"},
		{Name: "site's DNS dead", How: "the uplink's name servers are silent when the daemon starts",
			Before: do(func(l *lab.Lab) error { return l.BlackholeUplinkDNS(true) }), Mend: do(func(l *lab.Lab) error { return l.BlackholeUplinkDNS(false) }),
			Stage: "link", Reason: status.ReasonNoName, Check: "uplink.name"},
	}
}

func vpn() []Situation {
	return []Situation{
		{Name: "VPN port blocked", How: "a firewall drops UDP 443 both ways",
			Break: do(func(l *lab.Lab) error { return l.BlackholeVPN(true) }), Mend: do(func(l *lab.Lab) error { return l.BlackholeVPN(false) }),
			Stage: "link", Reason: status.ReasonNoAnswer, Check: "link"},
		{Name: "VPN server gone", How: "SIGKILL of the OpenVPN server",
			Break: do(func(l *lab.Lab) error { l.KillVPN(); return nil }),
			Mend:  func(ctx context.Context, f *Field) error { return f.StartVPN(ctx) },
			Stage: "link", Reason: status.ReasonNoAnswer, Check: "link"},
		{Name: "VPN administrator ends the session", How: "the server sends HALT",
			Break: do(func(l *lab.Lab) error { return l.ClientKill("HALT") }),
			Stage: "link", Reason: status.ReasonServerHalt, Check: "link"},
		{Name: "VPN certificate expired", How: "the device's certificate ended yesterday",
			Options: lab.Options{VPNClientCert: []pki.Option{pki.Expired()}},
			Stage:   "link", Reason: status.ReasonCertExpired, Check: "files.dates"},
		{Name: "VPN server's certificate expired", How: "the server's certificate ended yesterday",
			Options: lab.Options{VPNServerCert: []pki.Option{pki.Expired()}},
			Stage:   "link", Reason: status.ReasonServerCert, Check: "link"},
		{Name: "LAN with the VPC's range", How: "the site's LAN is 10.0.0.0/16 as well, with machines at the VPC's addresses",
			Options: lab.Options{OverlappingLAN: true}, Break: do(func(*lab.Lab) error { return nil })},
	}
}

func canal() []Situation {
	alone := lab.Options{Canal: lab.CanalAlone}
	return []Situation{
		{Name: "modem gone", How: "Canal alone: ppp0 disappears", Options: alone,
			Break: do(func(l *lab.Lab) error { l.Canal.HangUp(); return nil }), Mend: do(func(l *lab.Lab) error { return l.Canal.Dial("wwan0") }),
			Stage: "link", Reason: status.ReasonInterfaceMissing, Check: "link"},
		{Name: "no signal", How: "Canal alone: the modem has no carrier", Options: alone,
			Break: do(func(l *lab.Lab) error { return l.Canal.Carrier(false) }), Mend: do(func(l *lab.Lab) error { return l.Canal.Carrier(true) }),
			Stage: "link", Reason: status.ReasonNoCarrier, Check: "link"},
		{Name: "session ended by the network", How: "Canal alone: the address is taken away", Options: alone,
			Break: do(func(l *lab.Lab) error { return l.Canal.Address(false) }), Mend: do(func(l *lab.Lab) error { return l.Canal.Address(true) }),
			Stage: "link", Reason: status.ReasonNoAddress, Check: "link"},
		{Name: "VPC peering broken", How: "Canal alone, not metered: SORACOM's pong answers, the VPC does not",
			Options: lab.Options{Canal: lab.CanalAlone, Config: map[string]string{"canal.metered": "false"}},
			Break:   do(func(l *lab.Lab) error { l.Canal.VPCDead(true); return nil }), Mend: do(func(l *lab.Lab) error { l.Canal.VPCDead(false); return nil }),
			Stage: "link", Reason: status.ReasonVPCSilent, Check: "link"},
	}
}

func dns() []Situation {
	back := answering(lab.AnswerPrivate)
	return []Situation{
		{Name: "VPC resolver dead", How: "unbound is stopped",
			Break: do(func(l *lab.Lab) error { l.StopResolver(); return nil }), Mend: func(ctx context.Context, f *Field) error { return f.StartResolver(ctx) },
			Stage: "dns", Reason: status.ReasonNoAnswer, Check: "dns"},
		{Name: "VPC resolver filtered", How: "a security group drops port 53",
			Break: do(func(l *lab.Lab) error { return l.BlackholeResolver(true) }), Mend: do(func(l *lab.Lab) error { return l.BlackholeResolver(false) }),
			Stage: "dns", Reason: status.ReasonNoAnswer, Check: "dns"},
		{Name: "VPC resolver fails", How: "it answers SERVFAIL", Break: answering(lab.AnswerServFail), Mend: back,
			Stage: "dns", Reason: status.ReasonServerFailed, Check: "dns"},
		{Name: "record missing", How: "the private zone has no record for the endpoint", Break: answering(lab.AnswerNXDomain), Mend: back,
			Stage: "dns", Reason: status.ReasonNXDomain, Check: "dns"},
		{Name: "private zone not associated", How: "the endpoint resolves publicly", Break: answering(lab.AnswerPublic), Mend: back,
			Stage: "dns", Reason: status.ReasonPublicAnswer, Check: "dns"},
	}
}

func broker() []Situation {
	return []Situation{
		{Name: "endpoint's port closed", How: "the broker is stopped",
			Break: do(func(l *lab.Lab) error { l.StopBroker(); return nil }), Mend: func(ctx context.Context, f *Field) error { return f.StartBroker(ctx) },
			Stage: "broker", Reason: status.ReasonUnreachable, Check: "broker.tcp"},
		{Name: "IoT certificate expired", How: "the device's certificate ended yesterday",
			Options: lab.Options{DeviceCert: []pki.Option{pki.Expired()}},
			Stage:   "broker", Reason: status.ReasonCertExpired, Check: "files.dates"},
		{Name: "IoT certificate of tomorrow", How: "the device's certificate begins tomorrow",
			Options: lab.Options{DeviceCert: []pki.Option{pki.NotYetValid()}},
			Stage:   "broker", Reason: status.ReasonCertNotYetValid, Check: "files.dates"},
		{Name: "endpoint's certificate expired", How: "the broker's certificate ended yesterday",
			Options: lab.Options{BrokerCert: []pki.Option{pki.Expired()}},
			Stage:   "broker", Reason: status.ReasonTLS, Check: "broker.tls"},
		{Name: "IoT policy refuses CONNECT", How: "CONNACK code 7", Options: quirk(awsiot.Quirks{ConnackCode: 7}),
			Stage: "broker", Reason: status.ReasonRefused, Check: "broker.connect"},
		{Name: "SourceVpce policy refuses", How: "closed right after CONNECT: only another range may connect",
			Options: quirk(awsiot.Quirks{SourceVPCE: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}),
			Stage:   "broker", Reason: status.ReasonRefused, Check: "broker.connect"},
		{Name: "IoT policy refuses the subscription", How: "SUBACK 0x80", Options: quirk(awsiot.Quirks{Subscribe: []string{"other"}}),
			Stage: "broker", Reason: status.ReasonUnsubscribed, Check: "broker.subscribe"},
	}
}

func tunnel() []Situation {
	return []Situation{
		{Name: "service not allowed", How: "a tunnel for VNC is announced, and only SSH is configured",
			Break: func(ctx context.Context, f *Field) error { return f.Notify(ctx, "token-of-the-lab", "VNC") },
			Stage: "tunnel", Reason: status.ReasonRefused},
		{Name: "tunneling name shadowed", How: "the private zone has no record for the tunneling service",
			Options: lab.Options{ShadowingZone: true},
			Break:   func(ctx context.Context, f *Field) error { return f.Notify(ctx, "token-of-the-lab", "SSH") },
			Stage:   "tunnel", Reason: status.ReasonNameMissing, Check: "dns.tunneling"},
		{Name: "sshd dead", How: "the service of the tunnel is stopped",
			Break: typed("pkill -x sshd"), Check: "tunnel.services"},
	}
}
