package lab

import (
	"time"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/lab/pki"
)

// Options vary the lab. The zero value is the world as it should be.
type Options struct {
	// OverlappingLAN gives the device's site the range of the VPC, with
	// machines of its own at the resolver's and one broker's address.
	OverlappingLAN bool
	// ShadowingZone makes the private zone iot.REGION.amazonaws.com without a
	// record for the tunneling service, whose name is then NXDOMAIN.
	ShadowingZone bool
	// SplitTunnel has the server push the VPC's range instead of
	// redirect-gateway.
	SplitTunnel bool
	// FieldConfig makes client.ovpn as it is found in the field: certificate
	// and key in files beside it, and up and down scripts. Were they run, they
	// would leave ScriptMark behind.
	FieldConfig bool
	// BareDevice leaves the device's node a network and nothing else: a booted
	// system is put there (package machine).
	BareDevice bool
	// AWSIoT puts the stand-in for AWS IoT Core behind the endpoint's name
	// instead of mosquitto, with these quirks to begin with.
	AWSIoT *awsiot.Quirks
	// BrokerKeeps has mosquitto write sessions and messages to disk at every
	// change: a broker that restarts has forgotten neither, as AWS IoT Core has
	// not.
	BrokerKeeps bool
	// Canal adds a SIM whose traffic enters the VPC by peering, and makes it a
	// link of the configuration; keys of Config for it begin with "canal.".
	Canal CanalUse
	// Delay holds back every packet between the device and the VPN server, each
	// way: the round trip is twice as long.
	Delay time.Duration
	// TTL of the private zone's answers in seconds; 0 means 5.
	TTL int

	// Certificates, to be made faulty.
	VPNServerCert, VPNClientCert []pki.Option
	BrokerCert, DeviceCert       []pki.Option

	// Config sets keys of edgeagent.yaml by dotted name to a YAML value:
	// {"probe.interval": "2s", "link.routes": "[10.0.0.0/16]"}. "link." means
	// the only link.
	Config map[string]string
}

func (o Options) lan() lan {
	if o.OverlappingLAN {
		return overlappingLAN
	}
	return usualLAN
}

func (o Options) ttl() int {
	if o.TTL == 0 {
		return 5
	}
	return o.TTL
}
