package vpn

import "time"

// How long the agent waits, and for what. The times of the recovery ladder are
// in recovery.go; the probe's and the ladder's can be set in the configuration.
const (
	dialLimit  = 5 * time.Second         // from the start of OpenVPN to its management socket
	writeLimit = 2 * time.Second         // for one management command
	endLimit   = 1200 * time.Millisecond // from SIGTERM to SIGKILL
	killLimit  = 500 * time.Millisecond  // from SIGKILL to the end, when the agent stops

	lookupLimit = 10 * time.Second // for one lookup of the server's name

	// answerLimit is how long a server may stay silent before the next address
	// is tried (OpenVPN's server-poll-timeout). Its own 60 s TLS wait would send
	// packets ever more rarely: after an outage it would come back half a minute late.
	answerLimit = 10 * time.Second

	// bytecountEvery is how often OpenVPN tells its counters: the cheapest
	// sign of a black hole, at one wake-up each time.
	bytecountEvery = 5 * time.Second

	// silentPings server pings may stay out before a probe looks for the reason.
	silentPings = 2
	// idleSilence stands for them when the server pushes no ping.
	idleSilence = 15 * time.Second
	// falseAlarms of that kind in one connection show that this server does
	// not ping; the regular probes must do then.
	falseAlarms = 3

	probeSpacing = time.Second     // between two probes of a path in doubt
	tcpPart      = 5 * time.Second // of a probe's time, for the retry over TCP
	firstProbes  = 5               // in quick succession, after that suspect_interval
	meteredProbe = 5 * time.Minute // interval on a metered link
	chattyPing   = 10 * time.Second

	stableAfter   = time.Minute      // up this long, the next failure is a first one again
	factsEvery    = 30 * time.Second // byte counters are published at most this often
	precheckEvery = 10 * time.Second // clock, certificate and file, while one of them is wrong
	inspectEvery  = 50 * time.Millisecond
	repairLimit   = 10 // routes put back in an hour, before it is slowed down
	repairPause   = 30 * time.Second
	certWarning   = 14 * 24 * time.Hour
)

// Pauses between attempts, each with full jitter.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
const (
	processBase, processMax = 2 * time.Second, 5 * time.Minute
	connectBase, connectMax = 2 * time.Second, 30 * time.Second
	lookupBase, lookupMax   = time.Second, 30 * time.Second
	haltBase                = 30 * time.Second // after the server told this client to stop
	rejectPause             = 5 * time.Minute  // after a refusal that only a person can lift
)

// rejectsBeforeSlow is how many handshakes in a row must die after the client's
// certificate was sent before the silence is taken for a refusal: one may be loss.
const rejectsBeforeSlow = 3
