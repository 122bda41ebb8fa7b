package check

// all returns the checks in the order of the path. Nothing stands on a check
// that comes after it.
func all() []check {
	return []check{
		{id: "config", title: "configuration", run: checkConfig},
		{id: "files", title: "certificates and keys", needs: []string{"config"}, run: checkFiles},
		{id: "files.dates", title: "certificates' dates", needs: []string{"config"}, after: []string{"files"}, run: checkDates},
		{id: "daemon", title: "the daemon", run: checkDaemon},
		{id: "conflicts", title: "other programs with the same job", run: checkConflicts},
		{id: "clock", title: "clock", run: checkClock},
		{id: "disk", title: "disk", run: checkDisk},
		{id: "power", title: "power and temperature", run: checkPower},
		{id: "uplink", title: "way out of this device", after: []string{"config"}, run: checkUplink},
		{id: "uplink.name", title: "VPN server's name", needs: []string{"config"}, after: []string{"uplink"}, run: checkServerName},
		{id: "uplink.portal", title: "captive portal", after: []string{"uplink.name"}, run: checkPortal},
		{id: "link.profile", title: "OpenVPN file", needs: []string{"config"}, run: checkProfile},
		{id: "link", title: "link into the VPC", needs: []string{"config"}, after: []string{"daemon", "uplink.name"}, run: checkLink},
		{id: "link.mtu", title: "packet size through the link", needs: []string{"link"}, run: checkMTU},
		{id: "link.ping", title: "traffic on a metered link", needs: []string{"config"}, after: []string{"daemon"}, run: checkPing},
		{id: "dns", title: "endpoint's name in the VPC", needs: []string{"link"}, run: checkVPCName},
		{id: "dns.os", title: "whom this device's programs ask", needs: []string{"config"}, after: []string{"daemon"}, run: checkOS},
		{id: "dns.leak", title: "private names in other programs", needs: []string{"dns.os", "dns"}, run: checkLeak},
		{id: "dns.tunneling", title: "tunneling name in the VPC", needs: []string{"dns"}, run: checkTunnelingName},
		{id: "endpoint", title: "endpoint private and routed", needs: []string{"dns"}, run: checkEndpoint},
		{id: "broker.tcp", title: "broker's port", needs: []string{"endpoint"}, run: checkTCP},
		{id: "broker.tls", title: "TLS with the broker", needs: []string{"broker.tcp", "files"}, run: checkTLS},
		{id: "broker.connect", title: "MQTT CONNECT", needs: []string{"broker.tls"}, run: checkConnect},
		{id: "broker.subscribe", title: "tunnel notifications", needs: []string{"broker.connect"}, run: checkSubscribe},
		{id: "tunnel", title: "tunneling endpoint", needs: []string{"dns.tunneling"}, run: checkTunnelEndpoint},
		{id: "tunnel.services", title: "services for tunnels", needs: []string{"config"}, run: checkServices},
		{id: "ssm", title: "SSM agent", after: []string{"uplink"}, run: checkSSM},
	}
}
