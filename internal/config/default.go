package config

import (
	"net/netip"
	"time"
)

// KeepAlive limits: AWS IoT Core's least, and the 230 s to which a VPC endpoint
// silently reduces anything longer.
// https://docs.aws.amazon.com/iot/latest/developerguide/IoTCore-VPC.html
const (
	MinKeepAlive = 30 * time.Second
	MaxKeepAlive = 230 * time.Second
)

// Default returns the configuration of an empty file. Required keys are empty.
//
// The private ranges are RFC 1918 and the carriers' 100.64.0.0/10 (RFC 6598),
// which SORACOM uses. Nobody on the internet can own an address in them.
func Default() Config {
	return Config{
		Resolver: Resolver{
			Domains: []string{"amazonaws.com"},
			Listen:  netip.MustParseAddrPort("127.0.0.153:53"),
			Host:    HostAuto,
		},
		Endpoint: Endpoint{
			Port: 8883,
			PrivateCIDRs: []netip.Prefix{
				netip.MustParsePrefix("10.0.0.0/8"),
				netip.MustParsePrefix("172.16.0.0/12"),
				netip.MustParsePrefix("192.168.0.0/16"),
				netip.MustParsePrefix("100.64.0.0/10"),
			},
		},
		MQTT: MQTT{
			CA:                "/etc/edgeagent/certs/AmazonRootCA1.pem",
			Cert:              "/etc/edgeagent/certs/certificate.pem.crt",
			Key:               "/etc/edgeagent/certs/private.pem.key",
			KeepAlive:         MaxKeepAlive,
			PersistentSession: true,
		},
		Tunnel: Tunnel{
			Enabled:       true,
			Services:      map[string]string{"SSH": "127.0.0.1:22"},
			Proxy:         ProxyBuiltin,
			MaxConcurrent: 3,
			MaxLifetime:   12 * time.Hour,
		},
		Probe: Probe{
			Interval:        60 * time.Second,
			SuspectInterval: 15 * time.Second,
			Timeout:         2 * time.Second,
			DownAfter:       3,
			UpAfter:         2,
			Hold:            2 * time.Minute,
		},
		Recovery: Recovery{
			OpenVPNSoft:      60 * time.Second,
			OpenVPNHard:      5 * time.Minute,
			OpenVPNProcess:   10 * time.Minute,
			OpenVPNStartOver: 20 * time.Minute,

			CellularActivate:     60 * time.Second,
			CellularReenable:     5 * time.Minute,
			CellularReset:        10 * time.Minute,
			CellularModemManager: 20 * time.Minute,
			CellularUSB:          25 * time.Minute,
			CellularReboot:       60 * time.Minute,
		},
		Log: Log{Level: "info", Format: LogAuto},
	}
}
