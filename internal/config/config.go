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

// Config is the whole configuration, with defaults applied.
type Config struct {
	Device   Device   `yaml:"device"`
	Links    []Link   `yaml:"links"`
	Resolver Resolver `yaml:"resolver"`
	Endpoint Endpoint `yaml:"endpoint"`
	MQTT     MQTT     `yaml:"mqtt"`
	Tunnel   Tunnel   `yaml:"tunnel"`
	Probe    Probe    `yaml:"probe"`
	Recovery Recovery `yaml:"recovery"`
	Log      Log      `yaml:"log"`
}

// Device names this gateway.
type Device struct {
	Thing  string `yaml:"thing"`  // AWS IoT thing name
	Region string `yaml:"region"` // AWS region, e.g. ap-northeast-1
}

// Kinds of link.
const (
	LinkOpenVPN   = "openvpn"
	LinkInterface = "interface"
)

// Link is one way into the VPC.
type Link struct {
	Name       string         `yaml:"name"`
	Type       string         `yaml:"type"`        // LinkOpenVPN or LinkInterface
	Config     string         `yaml:"config"`      // openvpn: the .ovpn file
	Cert       string         `yaml:"cert"`        // openvpn: PEM file, if not inline
	Key        string         `yaml:"key"`         // openvpn: PEM file, if not inline
	FullTunnel bool           `yaml:"full_tunnel"` // openvpn: accept a pushed redirect-gateway
	Interface  []string       `yaml:"interface"`   // interface: names, the first that exists
	Connection string         `yaml:"connection"`  // interface: NetworkManager connection to activate
	Unit       string         `yaml:"unit"`        // interface: systemd unit to restart
	Routes     []netip.Prefix `yaml:"routes"`      // VPC ranges; empty: host routes to what is needed
	Metered    bool           `yaml:"metered"`
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
	Servers  []netip.Addr   `yaml:"servers"`  // VPC resolvers; empty: what the link pushes
	Domains  []string       `yaml:"domains"`  // names only the VPC resolver may answer; "." is all
	Upstream []netip.Addr   `yaml:"upstream"` // empty: the uplink's servers as the OS knows them
	Listen   netip.AddrPort `yaml:"listen"`
	Host     string         `yaml:"host"` // a host mode
}

// Endpoint is the AWS IoT Core data endpoint as the VPC knows it.
type Endpoint struct {
	Host         string         `yaml:"host"`
	Port         uint16         `yaml:"port"`
	PrivateCIDRs []netip.Prefix `yaml:"private_cidrs"`
}

// MQTT configures the session with AWS IoT Core.
type MQTT struct {
	CA                string        `yaml:"ca"`
	Cert              string        `yaml:"cert"`
	Key               string        `yaml:"key"`
	ClientID          string        `yaml:"client_id"` // never empty after Load: the thing name
	KeepAlive         time.Duration `yaml:"keep_alive"`
	PersistentSession bool          `yaml:"persistent_session"`
	StatusTopic       string        `yaml:"status_topic"`
}

// ProxyBuiltin selects this program's own localproxy.
const ProxyBuiltin = "builtin"

// Tunnel configures AWS IoT Secure Tunneling.
type Tunnel struct {
	Enabled       bool              `yaml:"enabled"`
	Services      map[string]string `yaml:"services"` // service name to host:port
	Proxy         string            `yaml:"proxy"`    // ProxyBuiltin or a program's path
	MaxConcurrent int               `yaml:"max_concurrent"`
	MaxLifetime   time.Duration     `yaml:"max_lifetime"`
	AllowPublic   bool              `yaml:"allow_public"`
	Endpoint      string            `yaml:"endpoint"` // host:port, never empty after Load
	CA            string            `yaml:"ca"`       // PEM file; empty: the system's roots
}

// Probe paces the link's health checks.
type Probe struct {
	Interval        time.Duration `yaml:"interval"`
	SuspectInterval time.Duration `yaml:"suspect_interval"`
	Timeout         time.Duration `yaml:"timeout"`
	DownAfter       int           `yaml:"down_after"`
	UpAfter         int           `yaml:"up_after"`
	Hold            time.Duration `yaml:"hold"`
}

// Recovery overrides the times after which each rung of the ladder is tried.
type Recovery struct {
	Reboot           bool          `yaml:"reboot"`
	OpenVPNSoft      time.Duration `yaml:"openvpn_soft"`    // SIGUSR1: reconnect
	OpenVPNHard      time.Duration `yaml:"openvpn_hard"`    // SIGHUP: re-read the config, reconnect
	OpenVPNProcess   time.Duration `yaml:"openvpn_process"` // start a new process
	OpenVPNStartOver time.Duration `yaml:"openvpn_start_over"`
}

// Log formats.
const (
	LogAuto = "auto" // text on a terminal, journald's own otherwise
	LogText = "text"
	LogJSON = "json"
)

// Log configures the daemon's log.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // LogAuto, LogText or LogJSON
}
