package status

// Reason is a stable word that says why a stage is in its state. Scripts match
// on it; new reasons may be added, none is ever renamed.
type Reason string

// Reasons that any stage may have.
const (
	ReasonWaiting  Reason = "waiting"  // for the stage before it
	ReasonDisabled Reason = "disabled" // by configuration
	ReasonInternal Reason = "internal" // a fault of the agent or of the device itself
)

// Reasons of the config stage, which stands before all others while there is no
// configuration to run with.
const (
	ReasonNotConfigured Reason = "not-configured" // something is missing, and nothing that is there is wrong
	// ReasonBadConfig, as of the link: something that is there is wrong.
)

// Reasons of the link stage.
const (
	ReasonConnected        Reason = "connected"
	ReasonConnecting       Reason = "connecting"
	ReasonNoUplink         Reason = "no-uplink"          // the device itself has no way out
	ReasonNoName           Reason = "no-name"            // the VPN server's name does not resolve
	ReasonNoAnswer         Reason = "no-answer"          // the far side is silent
	ReasonAuthFailed       Reason = "auth-failed"        // the VPN server refused the credentials
	ReasonCertExpired      Reason = "cert-expired"       // the device's certificate
	ReasonCertNotYetValid  Reason = "cert-not-yet-valid" // the device's certificate
	ReasonCertRejected     Reason = "cert-rejected"      // the device's certificate or key cannot be used or was not accepted
	ReasonServerCert       Reason = "server-cert"        // the VPN server's certificate does not verify
	ReasonServerHalt       Reason = "server-halt"        // the VPN server told this client to stop
	ReasonClock            Reason = "clock"              // the device's clock is wrong
	ReasonProcessExited    Reason = "process-exited"     // openvpn died or cannot run
	ReasonTunUnavailable   Reason = "tun-unavailable"    // the kernel gives no tun device
	ReasonBadConfig        Reason = "bad-config"         // openvpn refuses its configuration file
	ReasonInterfaceMissing Reason = "interface-missing"
	ReasonNoCarrier        Reason = "no-carrier" // the device is there, but set down or without a carrier
	ReasonVPCSilent        Reason = "vpc-silent" // the carrier's network answers, the VPC does not
	ReasonStandby          Reason = "standby"    // another link carries the path; this one is ready or not needed
	ReasonFailover         Reason = "failover"   // a link further down the list carries the path, or is about to
	ReasonRecovering       Reason = "recovering"
)

// Reasons of a link that something else dials, which no reset can mend.
const (
	ReasonSIMLocked          Reason = "sim-locked"          // it wants a PIN or a PUK
	ReasonSIMMissing         Reason = "sim-missing"         // or cannot be used
	ReasonRegistrationDenied Reason = "registration-denied" // the network does not admit the SIM
	ReasonAPNRefused         Reason = "apn-refused"         // APN, user or password are wrong
	ReasonConnectionMissing  Reason = "connection-missing"  // NetworkManager has no connection of that name
	ReasonUnitMissing        Reason = "unit-missing"        // systemd has no unit of that name
)

// Reasons of the dns stage.
const (
	ReasonReady        Reason = "ready"
	ReasonNXDomain     Reason = "nxdomain"      // the VPC resolver does not know the endpoint's name
	ReasonPublicAnswer Reason = "public-answer" // a private name was answered with a public address
	ReasonHostTrampled Reason = "host-trampled" // the OS does not ask the stub (any more)
	ReasonServerFailed Reason = "server-failed" // the VPC resolver answers with an error
)

// Reasons of the endpoint stage.
const (
	ReasonPrivate   Reason = "private"
	ReasonPublic    Reason = "public"
	ReasonNoRoute   Reason = "no-route"
	ReasonNoAddress Reason = "no-address" // of a link: its device has none; of the endpoint: its name has none
	ReasonLeak      Reason = "leak"       // other programs on the device get a different answer
)

// Reasons of the broker stage.
const (
	ReasonRefused      Reason = "refused"
	ReasonUnreachable  Reason = "unreachable"
	ReasonTLS          Reason = "tls"
	ReasonTakenOver    Reason = "taken-over"
	ReasonUnsubscribed Reason = "unsubscribed"
	ReasonNoPing       Reason = "no-ping" // the session stopped answering
)

// Reasons of the tunnel stage.
const (
	ReasonIdle         Reason = "idle"
	ReasonOpen         Reason = "open"
	ReasonProxyMissing Reason = "proxy-missing"
	ReasonNameMissing  Reason = "name-missing" // the tunneling endpoint's name does not resolve in the VPC
)
