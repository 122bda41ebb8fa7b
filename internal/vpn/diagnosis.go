package vpn

import (
	"fmt"
	"net/netip"
	"strings"

	"edgeagent/internal/status"
)

// attempt collects what OpenVPN says while it connects. Most failures end in
// the same words ("tls-error", exit code 0): what came before tells them apart.
type attempt struct {
	server   netip.AddrPort // the address being tried
	sent     bool           // a first packet went out
	answered bool           // a first packet came back
	verified bool           // the server's certificate was accepted
	refused  bool           // ICMP: nothing listens there
	found    *cause         // the first line that names a cause
}

// observe takes in one message of OpenVPN's log.
func (a *attempt) observe(text string) {
	switch {
	case strings.HasPrefix(text, "TLS: Initial packet from"):
		a.answered = true
	case strings.HasPrefix(text, "VERIFY OK: depth=0"):
		a.verified = true
	case strings.Contains(text, "Connection refused"):
		a.refused = true
	}
	if a.found == nil {
		a.found = a.diagnose(text)
	}
}

// restarted says why OpenVPN gave the attempt or the connection up, from the
// word in its RECONNECTING or EXITING state.
func (a *attempt) restarted(why string) cause {
	switch {
	case a.found != nil:
		return *a.found
	case why == "tls-error" && a.verified:
		return rejected(fmt.Sprintf("%s fell silent after it was shown the client certificate", a.server))
	case why == "network-unreachable":
		return cause{status.ReasonNoUplink, fmt.Sprintf("there is no route to %s", a.server), "", fast}
	case why == "server-pushed-connection-reset":
		return cause{status.ReasonConnecting, "the VPN server asked for a new connection", "", fast}
	case why == "server-pushed-halt":
		return halt("")
	case why == "auth-failure":
		return authFailed("")
	case a.refused:
		return cause{status.ReasonNoAnswer, fmt.Sprintf("%s refuses: no VPN server listens there", a.server), "", fast}
	case why == "SIGUSR1" || why == "SIGHUP" || why == "SIGTERM":
		return cause{status.ReasonConnecting, "reconnecting", "", fast}
	}
	text := fmt.Sprintf("%s does not answer", a.server)
	if a.answered {
		text = fmt.Sprintf("%s answered, then fell silent before the connection was made", a.server)
	}
	return cause{status.ReasonNoAnswer, text, "", fast}
}

// diagnose returns the cause that a log line names, or nil.
func (a *attempt) diagnose(text string) *cause {
	for _, try := range []func(string) *cause{serverCertificate, clientCertificate, pushedByServer, a.device} {
		if c := try(text); c != nil {
			return c
		}
	}
	if name, ok := between(text, "RESOLVE: Cannot resolve host address: ", " ("); ok {
		return &cause{status.ReasonNoName, name + " does not resolve", "", fast}
	}
	if strings.HasPrefix(text, "OPTIONS ERROR: failed to negotiate cipher") {
		return &cause{status.ReasonBadConfig, "the VPN server and this OpenVPN have no cipher in common",
			"Add the server's cipher to `data-ciphers` in the OpenVPN file.", slow}
	}
	return nil
}

// serverCertificate reads OpenVPN's verdict on the certificate it was shown.
func serverCertificate(text string) *cause {
	if problem, ok := strings.CutPrefix(text, "VERIFY ERROR: depth="); ok {
		_, problem, _ = strings.Cut(problem, "error=")
		problem, subject, _ := strings.Cut(problem, ": ")
		return verifyError(problem, subject)
	}
	if names, ok := strings.CutPrefix(text, "VERIFY X509NAME ERROR: "); ok {
		return &cause{status.ReasonServerCert, "the server's certificate bears another name: " + names,
			"Compare the server's certificate with verify-x509-name in the OpenVPN file.", slow}
	}
	if strings.HasPrefix(text, "VERIFY SCRIPT ERROR") {
		return &cause{status.ReasonBadConfig, "tls-verify runs a script, and no scripts are run", "", slow}
	}
	for _, kind := range []string{"VERIFY KU ERROR", "VERIFY EKU ERROR", "VERIFY nsCertType ERROR"} {
		if strings.HasPrefix(text, kind) {
			return &cause{status.ReasonServerCert, "the certificate shown is not one of a VPN server", "", slow}
		}
	}
	return nil
}

// verifyError puts OpenSSL's X509 error strings into plain words.
func verifyError(problem, subject string) *cause {
	c := &cause{status.ReasonServerCert, fmt.Sprintf("the server's certificate is refused: %s (%s)", problem, subject), "", slow}
	switch {
	case strings.Contains(problem, "not yet valid"):
		c.text = fmt.Sprintf("the server's certificate is not yet valid (%s): this device's clock is behind", subject)
		c.hint = "Set the clock (timedatectl); a device without a battery clock needs NTP."
		c.pace = fast
	case strings.Contains(problem, "expired"):
		c.text = fmt.Sprintf("the server's certificate has expired (%s)", subject)
		c.hint = "Check this device's clock (timedatectl); if it is right, the VPN server needs a new certificate."
		c.pace = fast // either is set right without anybody near this device
	case strings.Contains(problem, "purpose"):
		c.text = fmt.Sprintf("the certificate shown is not one of a VPN server (%s): %s", subject, problem)
	case strings.Contains(problem, "issuer"), strings.Contains(problem, "self"):
		c.text = fmt.Sprintf("the server's certificate is not from the CA in the OpenVPN file (%s): %s", subject, problem)
		c.hint = "Download the client configuration again, or correct <ca> in the OpenVPN file."
	}
	return c
}

// clientCertificate finds faults of the device's own certificate and key, and
// the TLS alerts by which a server refuses them.
func clientCertificate(text string) *cause {
	switch {
	case strings.Contains(text, "key values mismatch"):
		return &cause{status.ReasonCertRejected, "the private key does not belong to the client certificate", "", slow}
	case strings.HasPrefix(text, "Error: private key password verification failed"),
		strings.HasPrefix(text, "Cannot load private key file"),
		strings.HasPrefix(text, "Cannot load certificate file"),
		strings.HasPrefix(text, "Cannot load inline certificate file"):
		return &cause{status.ReasonCertRejected, "OpenVPN cannot use the client certificate and key: " + text, "", slow}
	case text == "WARNING: Your certificate has expired!":
		return &cause{status.ReasonCertExpired, "the client certificate has expired", "", slow}
	case text == "WARNING: Your certificate is not yet valid!":
		return &cause{status.ReasonCertNotYetValid, "the client certificate is not yet valid", "", fast}
	}
	for _, alert := range []string{"alert unknown ca", "alert certificate expired", "alert certificate revoked",
		"alert bad certificate", "alert certificate unknown", "alert certificate required", "alert access denied"} {
		if strings.Contains(text, alert) {
			c := rejected("the VPN server refuses the client certificate: " + alert)
			c.pace = slow
			return &c
		}
	}
	return nil
}

// rejected is the verdict on a server that does not say why.
func rejected(text string) cause {
	return cause{status.ReasonCertRejected, text,
		"Ask the VPN's administrator whether this device's certificate is known, revoked or expired there. " +
			"If other devices at this site fail too, large packets may be lost: try a lower mtu.", fast}
}

// pushedByServer reads what a server says before it ends a session.
func pushedByServer(text string) *cause {
	if rest, ok := strings.CutPrefix(text, "AUTH: Received control message: AUTH_FAILED"); ok {
		c := authFailed(strings.TrimPrefix(rest, ","))
		return &c
	}
	if message, ok := between(text, "Halt command was pushed by server ('", "')"); ok {
		c := halt(message)
		return &c
	}
	return nil
}

// authFailed is the verdict on AUTH_FAILED. The server's own words, if any,
// are the best hint there is; those that only ask for patience are no refusal.
func authFailed(message string) cause {
	c := cause{status.ReasonAuthFailed, "the VPN server refuses this device", "", slow}
	// "TEMP[...]:text" is the server's word for "not now".
	if text, ok := strings.CutPrefix(message, "TEMP"); ok {
		c.pace, message = fast, text
	}
	if message = strings.TrimSpace(message); message != "" {
		c.text += ": " + message
	}
	return c
}

// halt is the verdict on a server that sends this client away. It is less final
// than a refusal: an administrator may have cleared all sessions.
func halt(message string) cause {
	c := cause{status.ReasonServerHalt, "the VPN server told this device to stop", "", halted}
	if message != "" {
		c.text += ": " + message
	}
	return c
}

// device finds failures to open the tun device.
func (a *attempt) device(text string) *cause {
	if !strings.Contains(text, "Cannot open TUN/TAP dev") && !strings.Contains(text, "Cannot ioctl TUNSETIFF") &&
		!strings.Contains(text, "Cannot allocate TUN/TAP dev") {
		return nil
	}
	c := &cause{status.ReasonTunUnavailable, strings.TrimPrefix(text, "ERROR: "), "", fast}
	switch {
	case strings.Contains(text, "No such file"), strings.Contains(text, "No such device"):
		c.hint = "Load the kernel module: `modprobe tun`, and add tun to /etc/modules-load.d/."
	case strings.Contains(text, "not permitted"), strings.Contains(text, "denied"):
		c.hint = "The agent needs CAP_NET_ADMIN and access to /dev/net/tun: start it by its systemd unit."
	case strings.Contains(text, "busy"):
		c.hint = "Another program has this tun device: use `dev tun` without a number."
	}
	return c
}

// between returns what stands in s after begin, up to end.
func between(s, begin, end string) (string, bool) {
	rest, ok := strings.CutPrefix(s, begin)
	if !ok {
		return "", false
	}
	inner, _, _ := strings.Cut(rest, end)
	return inner, true
}

// noWayOut is the verdict on a device whose own network is missing.
func noWayOut() cause {
	return cause{status.ReasonNoUplink, "this device has no way out: no network with a route", "", fast}
}
