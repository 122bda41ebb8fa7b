package tunnel

import "time"

// What a notification may cost.
const (
	maxPayload  = 128 << 10   // bytes: AWS IoT Core's own limit for a message
	maxToken    = 3 << 10     // bytes: seen are about 560, and a handshake has 4096 for all that is in it
	maxDepth    = 16          // levels of nesting: the real message has two
	maxService  = 128         // characters of a service's name, by the API reference
	maxQuoted   = 64          // characters of foreign text shown in a log line
	queueLength = notifyBurst // notifications that wait for Run
	seenTokens  = 64          // tokens remembered, to know a repeated one

	notifyBurst = 8 // notifications taken at once, enough for a queued session
	notifyEvery = 2 * time.Second
	logEvery    = time.Minute // for each kind of refusal
)

// How long the endpoint's name is asked for before a tunnel is given up. A link
// that has just come up needs some seconds, and whoever opened the tunnel looks
// at a spinner.
const (
	lookupWindow     = 30 * time.Second
	lookupTimeout    = 5 * time.Second // of one question
	firstLookupPause = 500 * time.Millisecond
	lastLookupPause  = 8 * time.Second
	placeTTL         = 30 * time.Second // a private answer serves a rotation or a restart this long
)

// How a proxy process is kept and ended. The built-in proxy flushes its
// connections within the grace; a stage has 2 s to end in all.
const (
	maxRestarts       = 5 // in the life of one tunnel
	firstRestartPause = time.Second
	lastRestartPause  = 30 * time.Second
	provenAfter       = 10 * time.Second // an external program that lives so long counts as connected
	termGrace         = 1500 * time.Millisecond
	adoptPatience     = time.Minute            // for the path to stand again under a tunnel that was taken over
	drainGrace        = 200 * time.Millisecond // for what a dead process left in its pipes
	maxEventLine      = 64 << 10               // bytes
	maxOutputLine     = 4 << 10                // bytes
	maxReason         = 200                    // characters of a child's words kept
)

// What status shows, and how often. A tech who wonders why no tunnel came looks
// within minutes; a red light for yesterday's typo helps nobody.
const (
	reportEvery     = time.Second      // figures
	refreshEvery    = 30 * time.Second // ages, and whether a missing program is back
	connectPatience = 20 * time.Second // a tunnel may be unconnected before it is a fault
	faultShown      = 10 * time.Minute // as the state of the stage
	faultRemembered = time.Hour        // in the detail
)
