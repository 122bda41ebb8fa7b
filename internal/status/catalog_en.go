package status

// waitIt is the next action where the agent needs nobody's help.
const waitIt = "nothing to do: the agent goes on by itself. Look again in a minute."

// english is what the daemon itself speaks, too. ASCII only: it is for every
// console.
var english = catalogue{
	words: words{
		OK: "OK", Waiting: "WAITING", Starting: "STARTING", Degraded: "DEGRADED", Down: "DOWN", NotConfigured: "NOT CONFIGURED",
		StageOK: "ok", StageWaiting: "wait", StageStarting: "start", StageDegraded: "warn", StageDown: "DOWN",

		VerdictFor: "%s for %s: %s", Verdict: "%s: %s", About: "edgeagent %s, up %s", WaitingFor: "for %s",
		Next: "Next: ", Note: "Note: ", More: "More: ", Found: "Found: ",
		Seconds: "%d s", Minutes: "%d min", Hours: "%d h %d min", Days: "%d d %d h",

		LastHour: "The last hour", RoundTrip: "response", Losses: "losses", Received: "received", Sent: "sent",
	},
	// An entry for each stage and reason that is not ok. A stage that knows better
	// (a port, a record's name) overrides the hint in its Update.
	texts: map[string]map[Reason]text{
		"config": {
			ReasonNotConfigured: {"the agent waits for its configuration", "fill in what is missing; the agent then starts by itself."},
			ReasonBadConfig:     {"the configuration has faults", "correct what is named above; the agent then starts by itself."},
		},
		"link": {
			ReasonConnecting:       {"the link is being brought up", waitIt},
			ReasonRecovering:       {"the link is being recovered", waitIt},
			ReasonNoUplink:         {"this device has no way out to its own network", "check the cable, Wi-Fi or SIM of this gateway and its router; `ip route` must show a default route."},
			ReasonNoName:           {"the VPN server's name does not resolve", "check that this site's DNS answers (`resolvectl query` or `dig` the VPN server's name), and the `remote` line of the .ovpn file."},
			ReasonNoAnswer:         {"the VPN server does not answer", "let the VPN's port (UDP or TCP 443) out through this site's firewall; then check that the Client VPN endpoint is available."},
			ReasonAuthFailed:       {"the VPN server refuses this device", "check in the AWS console that this client certificate is not revoked and that an authorization rule exists."},
			ReasonCertExpired:      {"this device's VPN certificate has expired", "issue a new client certificate and put it where `links[].cert` or the .ovpn file has the old one."},
			ReasonCertNotYetValid:  {"this device's VPN certificate is not valid yet", "set the clock (`timedatectl`), or check the certificate's first day of validity."},
			ReasonCertRejected:     {"this device's VPN certificate or key is not accepted", "check that certificate and key belong together and come from the CA that the Client VPN endpoint trusts."},
			ReasonServerCert:       {"the VPN server's certificate does not verify", "check the <ca> in the .ovpn file against the certificate in ACM, its dates, and the device's clock."},
			ReasonServerHalt:       {"the VPN server told this device to stop", "ask whoever runs the Client VPN endpoint why this connection was terminated, then `edgeagent link restart`."},
			ReasonClock:            {"this device's clock is wrong", "set the clock: `timedatectl set-ntp true`, or `date -s` by hand; check that NTP (UDP 123) gets out."},
			ReasonProcessExited:    {"openvpn does not run", "`journalctl -u edgeagent -n 50` shows its last lines; check that the openvpn package is installed."},
			ReasonTunUnavailable:   {"the kernel gives no tun device", "`modprobe tun`, check /dev/net/tun, and that the service has CAP_NET_ADMIN."},
			ReasonBadConfig:        {"openvpn refuses its configuration file", "correct the .ovpn file at the line named above, then `edgeagent link restart`."},
			ReasonInterfaceMissing: {"the link's network interface is missing", "check the modem or dongle: is it plugged in and powered? `ip link` must show it."},
			ReasonNoCarrier:        {"the link's network interface has no carrier", "check cable, antenna and SIM of the modem or router, and the program that dials it (`nmcli device`, `systemctl status`)."},
			ReasonNoAddress:        {"the link's network interface has no address", "check APN, user and password of the connection, and that the SIM is active; `ip addr` must show an IPv4 address."},
			ReasonNoRoute:          {"another program routes the VPC's addresses elsewhere", "find what sets that route or rule: `ip route get ADDRESS`, `ip rule`."},
			ReasonVPCSilent:        {"the carrier's network answers, but nothing in the VPC does", "check the SIM group's Virtual Private Gateway (Canal), VPC peering, route tables and the resolver's security group; the modem is fine."},
			ReasonStandby:          {"the link stands by", waitIt},
			ReasonFailover:         {"the preferred link is down, another one carries the path", "look at the preferred link: `edgeagent link list` says what is wrong with it."},

			ReasonSIMLocked:          {"the SIM is locked", "`sudo mmcli -i any --pin=PIN`, or put the PIN into the connection (`nmcli connection modify NAME gsm.pin PIN`)."},
			ReasonSIMMissing:         {"the modem sees no usable SIM", "put the SIM in (contacts clean, right way round), then unplug the modem and plug it in again."},
			ReasonRegistrationDenied: {"the mobile network does not admit this SIM", "check at the operator (SORACOM console) that the SIM is active, not suspended, not bound to another modem's IMEI, and allowed to roam."},
			ReasonAPNRefused:         {"the mobile network refuses APN, user or password", "check them: `nmcli connection modify NAME gsm.apn soracom.io gsm.username sora gsm.password sora`."},
			ReasonConnectionMissing:  {"NetworkManager has no connection of that name", "correct `links[].connection`, or create it: `nmcli connection add type gsm ifname '*' con-name NAME apn soracom.io user sora password sora`."},
			ReasonUnitMissing:        {"systemd has no unit of that name", "correct `links[].unit`; `systemctl list-unit-files` shows the names."},
		},
		"dns": {
			ReasonConnecting:    {"the VPC resolver is being asked", waitIt},
			ReasonNoAnswer:      {"the VPC resolver does not answer", "check that the VPC's DNS is reachable over the link: resolver address, authorization rule and security group (UDP and TCP 53)."},
			ReasonServerFailed:  {"the VPC resolver answers with an error", "check the VPC resolver and its forwarding rules in Route 53."},
			ReasonNXDomain:      {"the VPC resolver does not know the endpoint's name", "create the private hosted zone with the endpoint's record and associate it with this VPC; check `endpoint.host`."},
			ReasonPublicAnswer:  {"the VPC resolver answers with a public address", "associate the private hosted zone with this VPC, so that the endpoint's name gets its private addresses."},
			ReasonHostTrampled:  {"this device's own DNS does not go through the agent", "`sudo edgeagent resolver apply` puts it back; find out what rewrites /etc/resolv.conf."},
			ReasonProcessExited: {"the DNS stub does not run", "`journalctl -u edgeagent -n 50` says why; check what else listens on the address in `resolver.listen`."},
		},
		"endpoint": {
			ReasonConnecting: {"the endpoint's addresses are being proved", waitIt},
			ReasonPublic:     {"the endpoint's name leads to a public address: closed", "associate the private hosted zone with this VPC; until then nothing is sent. `private_cidrs` lists what counts as private."},
			ReasonNoRoute:    {"the endpoint's address would not leave through the link", "`ip route get ADDRESS` shows who takes it: a LAN with the same range, or another VPN."},
			ReasonNoAddress:  {"the endpoint's name has no address", "check the record in the private hosted zone, and `endpoint.host` in the config."},
			ReasonLeak:       {"other programs on this device get another answer for the endpoint", "`sudo edgeagent resolver apply`, then check /etc/resolv.conf; the agent itself stays on the private path."},
		},
		"broker": {
			ReasonConnecting:      {"the MQTT session is being set up", waitIt},
			ReasonRefused:         {"AWS IoT refuses this device", "check the IoT policy (connect, client id, aws:SourceVpce) and that the certificate is active and attached to the thing."},
			ReasonUnreachable:     {"the endpoint's port cannot be reached", "let TCP 8883 from the VPN's range into the VPC endpoint's security group."},
			ReasonTLS:             {"TLS with the endpoint fails", "check `mqtt.ca` (Amazon Root CA 1), the endpoint's `-ats` name, and that the device certificate is active in AWS IoT."},
			ReasonTakenOver:       {"another device uses this client id", "find the second device with the same `device.thing` or `mqtt.client_id` and give it its own."},
			ReasonUnsubscribed:    {"the subscription for tunnel notifications is refused", "allow iot:Subscribe and iot:Receive on $aws/things/THING/tunnels/notify in the IoT policy."},
			ReasonNoPing:          {"the MQTT session stopped answering", waitIt},
			ReasonClock:           {"this device's clock is wrong", "set the clock: `timedatectl set-ntp true`, or `date -s` by hand; check that NTP (UDP 123) gets out."},
			ReasonCertExpired:     {"this device's IoT certificate has expired", "create a new certificate in AWS IoT, attach policy and thing, and replace the files named in `mqtt.cert` and `mqtt.key`."},
			ReasonCertNotYetValid: {"this device's IoT certificate is not valid yet", "set the clock (`timedatectl`), or check the certificate's first day of validity."},
			ReasonNoAnswer:        {"the broker does not answer", waitIt},
		},
		"tunnel": {
			ReasonRefused:       {"the last tunnel was refused", "open the tunnel again after correcting what is named above; `tunnel.services` lists what is allowed."},
			ReasonProxyMissing:  {"the localproxy program is missing", "set `tunnel.proxy: builtin`, or install the program it names."},
			ReasonNameMissing:   {"the tunneling endpoint's name does not resolve in the VPC", "add the tunneling record to the private hosted zone (see docs/aws-setup.md), or a VPC endpoint for iot.tunneling.data."},
			ReasonNoAnswer:      {"the tunneling endpoint's name gets no answer", "check that the VPC's DNS is reachable over the link; then open the tunnel again."},
			ReasonUnreachable:   {"an open tunnel cannot reach the tunneling service", "let TCP 443 from the VPN's range into the security group of the VPC endpoint iot.tunneling.data."},
			ReasonTLS:           {"TLS with the tunneling service fails", "check `tunnel.ca` (empty is right for AWS) and the device's clock, then open the tunnel again."},
			ReasonProcessExited: {"the last tunnel's proxy ended by itself", "open the tunnel again; `journalctl -u edgeagent -n 50` has the proxy's last words."},
		},
		"daemon": {
			ReasonUnreachable: {"the edgeagent daemon does not run", "`sudo systemctl start edgeagent`, then `journalctl -u edgeagent -n 50` if it does not stay up."},
			ReasonNoAnswer:    {"the edgeagent daemon does not answer", "`journalctl -u edgeagent -n 50` shows what it is doing; `sudo systemctl restart edgeagent` starts it anew."},
			ReasonRefused:     {"this user may not ask the edgeagent daemon", "use sudo; `sudo systemctl restart edgeagent` gives its directory the right mode again."},
		},
		stageAny: {
			ReasonWaiting:  {"waiting for the stage before it", waitIt},
			ReasonDisabled: {"switched off in the configuration", "switch it on in /etc/edgeagent/edgeagent.yaml if this device shall have it."},
			ReasonInternal: {"an unexpected fault", "`journalctl -u edgeagent -n 50` has the details; please report them."},
		},
	},
	dialled: map[Reason]string{ReasonNoAnswer: "nothing answers through the link"},
	warnings: map[WarningID]text{
		WarnRefused:     {"the daemon goes on as it was", "correct what is named, then `sudo systemctl reload edgeagent`."},
		WarnVPNCert:     {"the VPN certificate ends soon", "issue a new client certificate before that day and put it where the old one is."},
		WarnIoTCert:     {"the IoT certificate ends soon", "create a new certificate in AWS IoT before that day, attach policy and thing, and replace the files."},
		WarnClock:       {"no time server has confirmed this device's clock", "`timedatectl set-ntp true`; check that NTP (UDP 123) gets out."},
		WarnChattyPing:  {"the VPN server pings often over a metered link", "add the lines `pull-filter ignore \"ping \"` and `ping 10` to the .ovpn file."},
		WarnVoltage:     {"under-voltage: the power supply is too weak", "use the official power supply and a short cable; move USB modems to a powered hub."},
		WarnVoltagePast: {"there was under-voltage since the boot", "use the official power supply and a short cable; move USB modems to a powered hub."},
		WarnLeak:        {"other programs on this device do not ask the VPC resolver", "`sudo edgeagent resolver apply`, then check /etc/resolv.conf; the agent itself stays on the private path."},
	},
}
