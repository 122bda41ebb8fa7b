// Package config reads /etc/edgeagent/edgeagent.yaml: strict parsing, one set
// of defaults, and validation that reports every fault at once with its file
// and line, what was found and what is accepted.
//
// It is a leaf: it imports nothing of the project.
package config

import (
	"net/netip"
	"time"
)

// Config is the whole configuration, with defaults applied. The tag "accepts"
// of a field is what a fault of that key tells the reader.
type Config struct {
	Device   Device   `yaml:"device"`
	Links    []Link   `yaml:"links" accepts:"a list of links, the preferred one first"`
	Resolver Resolver `yaml:"resolver"`
	Endpoint Endpoint `yaml:"endpoint"`
	MQTT     MQTT     `yaml:"mqtt"`
	Tunnel   Tunnel   `yaml:"tunnel"`
	Probe    Probe    `yaml:"probe"`
	Recovery Recovery `yaml:"recovery"`
	Log      Log      `yaml:"log"`

	// StatusPage is where a browser finds the status; not valid: nowhere.
	StatusPage netip.AddrPort `yaml:"status_page" accepts:"a loopback address and port such as 127.0.0.1:8787, any address if there is a status_page_password_file, or \"\" for no page"`
	// StatusPagePasswordFile holds in its first line what a browser must give,
	// with any user name. It crosses the network unencrypted.
	StatusPagePasswordFile string `yaml:"status_page_password_file" accepts:"the absolute path of a file whose first line is a password of 8 characters or more, or \"\" for none"`
	// MetricsListen is where a scraper finds /metrics; not valid: nowhere but on
	// the control socket and the page.
	MetricsListen netip.AddrPort `yaml:"metrics_listen" accepts:"a loopback address and port such as 127.0.0.1:9787, or \"\" for none"`
}

// Device names this gateway.
type Device struct {
	// Thing is the AWS IoT thing name. Tunnel notifications come on its topic.
	Thing string `yaml:"thing" accepts:"the AWS IoT thing name, 1 to 128 of a-z A-Z 0-9 : _ -"`
	// Region is the AWS region of the endpoint. Notifications for another region
	// are refused.
	Region string `yaml:"region" accepts:"an AWS region such as ap-northeast-1"`
}

// Kinds of link.
const (
	LinkOpenVPN   = "openvpn"
	LinkInterface = "interface"
)

// Link is one way into the VPC. The tag "only" names the type that a key
// belongs to.
type Link struct {
	// Name appears in status, in commands and in file names.
	Name string `yaml:"name" accepts:"1 to 32 of a-z A-Z 0-9 _ -, each name once"`
	Type string `yaml:"type" accepts:"openvpn or interface"`
	// Config is the .ovpn file.
	Config string `yaml:"config" only:"openvpn" accepts:"the absolute path of an .ovpn file that no other link uses"`
	// Cert and Key are PEM files, empty if the .ovpn file holds or names them.
	Cert string `yaml:"cert" only:"openvpn" accepts:"the absolute path of a PEM file, or \"\" if the .ovpn file has it"`
	Key  string `yaml:"key" only:"openvpn" accepts:"the absolute path of a PEM file, or \"\" if the .ovpn file has it"`
	// FullTunnel accepts a pushed redirect-gateway: without it a server that
	// pushes one would take the device's internet away.
	FullTunnel bool `yaml:"full_tunnel" only:"openvpn" accepts:"true or false"`
	// Interface names network devices; the first that exists is the link.
	Interface []string `yaml:"interface" only:"interface" form:"one-or-list" accepts:"one or more device names such as ppp0 or [ppp0, wwan0], each in one link only"`
	// Connection is the NetworkManager connection to activate.
	Connection string `yaml:"connection" only:"interface" accepts:"the name of a NetworkManager connection, or \"\" for none"`
	// Unit is the systemd unit to restart instead.
	Unit string `yaml:"unit" only:"interface" accepts:"a systemd service such as wg-quick@wg0.service, or \"\" for none"`
	// Routes are the VPC ranges to route through the link; empty: host routes
	// to what the agent needs, which also work where the device's LAN has the
	// VPC's own range.
	Routes []netip.Prefix `yaml:"routes" accepts:"IPv4 ranges of the VPC, /8 to /32, such as 10.0.0.0/16"`
	// Metered asks for thrift: each probe is paid for.
	Metered bool `yaml:"metered" accepts:"true or false"`
}

// Host modes of the resolver: how the operating system is pointed at the stub.
const (
	HostAuto       = "auto"
	HostResolved   = "resolved"
	HostResolvconf = "resolvconf"
	HostFile       = "file"
	HostNone       = "none"
)

// Resolver configures the split-DNS stub.
type Resolver struct {
	// Servers are the VPC's resolvers; empty: what the link pushes.
	Servers []netip.Addr `yaml:"servers" accepts:"private IPv4 addresses of the VPC's resolvers, such as 10.0.0.2"`
	// Domains are the names that only the VPC resolver may answer; "." is all.
	Domains []string `yaml:"domains" accepts:"domain names such as amazonaws.com, or \".\" alone for every name"`
	// Upstream are the servers for all other names; empty: the uplink's as the
	// operating system knows them.
	Upstream []netip.Addr `yaml:"upstream" accepts:"IP addresses of the uplink's DNS servers"`
	// Listen is where the stub answers, over UDP and TCP.
	Listen netip.AddrPort `yaml:"listen" accepts:"a loopback address and port such as 127.0.0.153:53"`
	// Host is one of the host modes.
	Host string `yaml:"host" accepts:"auto, resolved, resolvconf, file or none"`
}

// Endpoint is the AWS IoT Core data endpoint as the VPC knows it.
type Endpoint struct {
	Host string `yaml:"host" accepts:"the name that \"aws iot describe-endpoint --endpoint-type iot:Data-ATS\" prints"`
	// Port 443 is used with ALPN x-amzn-mqtt-ca.
	// https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html
	Port uint16 `yaml:"port" accepts:"8883, or 443 for ALPN; any of 1 to 65535"`
	// PrivateCIDRs are the only ranges in which the endpoint is ever dialled.
	PrivateCIDRs []netip.Prefix `yaml:"private_cidrs" accepts:"IPv4 ranges of the VPC, /8 to /32, such as 10.0.0.0/16"`
}

// MQTT configures the session with AWS IoT Core.
type MQTT struct {
	CA   string `yaml:"ca" accepts:"the absolute path of a PEM file"`
	Cert string `yaml:"cert" accepts:"the absolute path of a PEM file"`
	Key  string `yaml:"key" accepts:"the absolute path of a PEM file"`
	// ClientID is never empty after Parse: the thing name.
	ClientID string `yaml:"client_id" accepts:"1 to 128 bytes, or \"\" for the thing name"`
	// KeepAlive is whole seconds: MQTT has no smaller unit.
	KeepAlive time.Duration `yaml:"keep_alive" accepts:"30s to 230s in whole seconds (a VPC endpoint silently cuts more to 230s and drops what is idle for 350s)"`
	// PersistentSession has AWS keep notifications for an absent device, by
	// default for an hour.
	PersistentSession bool `yaml:"persistent_session" accepts:"true or false"`
	// Fleet is how many devices share the account's quota of CONNECTs; 0: not known.
	// After the whole path was gone, each then takes its turn (mqtt.Pace).
	Fleet int `yaml:"fleet" accepts:"how many devices connect to AWS IoT in this account, up to 1000000, or 0 for a device that need not wait for others"`
	// StatusTopic takes a retained status and the last will; empty: nothing is
	// ever published, because AWS closes the connection of a client that
	// publishes where its policy does not allow it.
	StatusTopic string `yaml:"status_topic" accepts:"a topic of at most 256 bytes and 7 slashes, without + and #, not beginning with $, or \"\" for none"`
}

// ProxyBuiltin selects this program's own localproxy.
const ProxyBuiltin = "builtin"

// Tunnel configures AWS IoT Secure Tunneling.
type Tunnel struct {
	Enabled bool `yaml:"enabled" accepts:"true or false"`
	// Services maps a service's name to its host:port. Nothing else can be
	// reached through a tunnel.
	Services map[string]string `yaml:"services" accepts:"{NAME: \"HOST:PORT\"}, NAME being 1 to 128 of a-z A-Z 0-9 : _ -"`
	// Proxy is ProxyBuiltin or a program's path.
	Proxy string `yaml:"proxy" accepts:"builtin, or the absolute path of a localproxy program"`
	// MaxConcurrent is how many tunnels may be open at once, each a process.
	MaxConcurrent int `yaml:"max_concurrent" accepts:"1 to 20"`
	// MaxLifetime ends a tunnel that nobody closed.
	MaxLifetime time.Duration `yaml:"max_lifetime" accepts:"1m to 12h (AWS ends a tunnel after 12h)"`
	// AllowPublic lets tunnel data use the internet when the endpoint's name has
	// no private address. It is still encrypted, by TLS and by the service inside.
	AllowPublic bool `yaml:"allow_public" accepts:"true or false"`
	// Endpoint is a host:port, never empty after Parse.
	Endpoint string `yaml:"endpoint" accepts:"HOST:PORT, or \"\" for the region's own"`
	// CA is a PEM file; empty: the system's roots.
	CA string `yaml:"ca" accepts:"the absolute path of a PEM file, or \"\" for the system's roots"`
}

// Probe paces the link's health checks.
type Probe struct {
	// Interval is between two probes of a healthy link.
	Interval time.Duration `yaml:"interval" accepts:"1s to 1h"`
	// SuspectInterval is between two probes after a failed one, and never longer
	// than Interval.
	SuspectInterval time.Duration `yaml:"suspect_interval" accepts:"1s to probe.interval"`
	// Timeout is for one question.
	Timeout time.Duration `yaml:"timeout" accepts:"100ms to 30s"`
	// DownAfter failures in a row a link is down, UpAfter answers in a row it is up.
	DownAfter int `yaml:"down_after" accepts:"1 to 100"`
	UpAfter   int `yaml:"up_after" accepts:"1 to 100"`
	// Hold is how long a proved path is kept while nobody answers. A wrong answer
	// ends it at once.
	Hold time.Duration `yaml:"hold" accepts:"0s to 1h"`
}

// Recovery overrides the times after which each rung of the ladder is tried,
// counted from the moment the link was lost.
type Recovery struct {
	// Reboot allows the last resort of a cellular link: the whole device.
	Reboot           bool          `yaml:"reboot" accepts:"true or false"`
	OpenVPNSoft      time.Duration `yaml:"openvpn_soft" accepts:"1s to 24h"`                                   // SIGUSR1: reconnect
	OpenVPNHard      time.Duration `yaml:"openvpn_hard" accepts:"1s to 24h, later than openvpn_soft"`          // SIGHUP: re-read the file, reconnect
	OpenVPNProcess   time.Duration `yaml:"openvpn_process" accepts:"1s to 24h, later than openvpn_hard"`       // start a new process
	OpenVPNStartOver time.Duration `yaml:"openvpn_start_over" accepts:"1s to 24h, later than openvpn_process"` // begin again with nothing kept

	// The rungs of a link that something else dials. 0 leaves one out: some
	// modems do not come back from a reset, some hubs cut a neighbour off.
	CellularActivate     time.Duration `yaml:"cellular_activate" accepts:"1s to 24h, or 0s for never"`                                           // activate the connection, or restart the unit
	CellularReenable     time.Duration `yaml:"cellular_reenable" accepts:"1s to 24h, later than cellular_activate, or 0s for never"`             // turn the modem's radio off and on
	CellularReset        time.Duration `yaml:"cellular_reset" accepts:"1s to 24h, later than cellular_reenable, or 0s for never"`                // reset the modem
	CellularModemManager time.Duration `yaml:"cellular_modem_manager" accepts:"1s to 24h, later than cellular_reset, or 0s for never"`           // restart ModemManager
	CellularUSB          time.Duration `yaml:"cellular_usb" accepts:"1s to 24h, later than cellular_modem_manager, or 0s for never"`             // unplug and re-plug, by software
	CellularReboot       time.Duration `yaml:"cellular_reboot" accepts:"10m to 24h, later than cellular_usb, or 0s for never (see also reboot)"` // reboot the device, if Reboot allows it
}

// Log formats.
const (
	LogAuto = "auto" // text on a terminal, journald's own otherwise
	LogText = "text"
	LogJSON = "json"
)

// Log configures the daemon's log.
type Log struct {
	Level  string `yaml:"level" accepts:"debug, info, warn or error"`
	Format string `yaml:"format" accepts:"auto, text or json"`
}
