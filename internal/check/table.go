package check

// all returns the checks in the order of the path. Nothing stands on a check
// that comes after it.
func all() []check {
	return []check{
		{id: "config", run: checkConfig},
		{id: "files", after: []string{"config"}, run: checkFiles},
		{id: "files.dates", needs: []string{"config"}, after: []string{"files"}, run: checkDates},
		{id: "daemon", limit: daemonLimit, run: checkDaemon},
		{id: "conflicts", run: checkConflicts},
		{id: "clock", run: checkClock},
		{id: "disk", run: checkDisk},
		{id: "power", run: checkPower},
		{id: "uplink", after: []string{"config"}, run: checkUplink},
		{id: "uplink.name", needs: []string{"config", "uplink"}, run: checkServerName},
		{id: "uplink.portal", run: checkPortal},
		{id: "link.profile", needs: []string{"config"}, run: checkProfile},
		{id: "link", needs: []string{"config"}, after: []string{"daemon", "uplink"}, run: checkLink},
		{id: "link.mtu", needs: []string{"link"}, run: checkMTU},
		{id: "link.ping", needs: []string{"config"}, after: []string{"daemon"}, run: checkPing},
		{id: "dns", needs: []string{"link"}, run: checkVPCName},
		{id: "dns.os", needs: []string{"config"}, after: []string{"daemon"}, run: checkOS},
		{id: "dns.tunneling", needs: []string{"link"}, run: checkTunnelingName},
		{id: "dns.leak", needs: []string{"dns.os", "dns"}, after: []string{"dns.tunneling"}, run: checkLeak},
		{id: "endpoint", needs: []string{"dns"}, run: checkEndpoint},
		{id: "broker.tcp", needs: []string{"endpoint"}, run: checkTCP},
		{id: "broker.tls", needs: []string{"broker.tcp", "files"}, run: checkTLS},
		{id: "broker.connect", needs: []string{"broker.tls"}, run: checkConnect},
		{id: "broker.subscribe", needs: []string{"broker.connect"}, run: checkSubscribe},
		{id: "tunnel", needs: []string{"dns.tunneling"}, run: checkTunnelEndpoint},
		{id: "tunnel.services", needs: []string{"config"}, run: checkServices},
		{id: "ssm", after: []string{"uplink"}, run: checkSSM},
	}
}
