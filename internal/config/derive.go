package config

import (
	"net"
	"reflect"
	"slices"
	"strings"
)

func configValue(c *Config) reflect.Value { return reflect.ValueOf(c).Elem() }

// tunnelingPort is where AWS IoT Secure Tunneling listens.
const tunnelingPort = "443"

// derive fills in what an unset key takes from others.
func (r *reader) derive(c *Config) {
	if c.MQTT.ClientID == "" {
		c.MQTT.ClientID = c.Device.Thing
	}
	if c.Tunnel.Endpoint == "" {
		c.Tunnel.Endpoint = net.JoinHostPort("data.tunneling.iot."+c.Device.Region+"."+awsDomain(c.Device.Region), tunnelingPort)
	}
	if !r.given("probe.suspect_interval") {
		c.Probe.SuspectInterval = min(c.Probe.SuspectInterval, c.Probe.Interval)
	}
	r.deriveDomains(c)
	deriveRoutes(c)
}

// deriveDomains sees to it that no public server is ever asked for the
// endpoint's name, also where it is not under amazonaws.com: China, custom domains.
func (r *reader) deriveDomains(c *Config) {
	if !r.given("resolver.domains") {
		c.Resolver.Domains = []string{awsDomain(c.Device.Region)}
	}
	for i, d := range c.Resolver.Domains {
		c.Resolver.Domains[i] = strings.ToLower(d)
	}
	c.Endpoint.Host = strings.ToLower(c.Endpoint.Host)
	covered := func(domain string) bool {
		return domain == "." || c.Endpoint.Host == domain || strings.HasSuffix(c.Endpoint.Host, "."+domain)
	}
	if !slices.ContainsFunc(c.Resolver.Domains, covered) {
		c.Resolver.Domains = append(c.Resolver.Domains, c.Endpoint.Host)
	}
}

// deriveRoutes routes the VPC's ranges where they are known. The default
// ranges are never routed: the device's own LAN lies in one of them.
func deriveRoutes(c *Config) {
	byDefault := Default().Endpoint.PrivateCIDRs
	if len(c.Endpoint.PrivateCIDRs) == 0 {
		c.Endpoint.PrivateCIDRs = byDefault
	}
	if slices.Equal(c.Endpoint.PrivateCIDRs, byDefault) {
		return
	}
	for i := range c.Links {
		if len(c.Links[i].Routes) == 0 {
			c.Links[i].Routes = slices.Clone(c.Endpoint.PrivateCIDRs)
		}
	}
}

// awsDomain is the domain of AWS's services in a region: China has its own.
func awsDomain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
