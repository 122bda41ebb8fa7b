package localproxy

// Kinds of Event, in the order in which a tunnel usually sees them.
const (
	EventConnecting   = "connecting"    // Address: dialling the service
	EventConnected    = "connected"     // ChannelID, Subprotocol: the WebSocket is up
	EventServices     = "services"      // Services: what the tunnel was opened for
	EventStreamOpened = "stream_opened" // Service, Connection: a local connection stands
	EventStreamClosed = "stream_closed" // Service, Connection, Reason
	EventBytes        = "bytes"         // In, Out: totals since the start
	EventRetry        = "retry"         // Reason, AfterMS: the next attempt
	EventClosed       = "closed"        // Reason, Code: the last line; Code is the exit status
)

// Event is one line of the JSON that `edgeagent localproxy` writes to the pipe
// its parent gave it. Fields that a kind does not name are absent. No field
// ever holds a token.
type Event struct {
	Event       string   `json:"event"`
	Address     string   `json:"address,omitempty"` // host:port
	ChannelID   string   `json:"channel_id,omitempty"`
	Subprotocol string   `json:"subprotocol,omitempty"`
	Services    []string `json:"services,omitempty"`
	Service     string   `json:"service,omitempty"` // empty: the one nameless service of a v1 tunnel
	Connection  uint32   `json:"connection,omitempty"`
	Reason      string   `json:"reason,omitempty"`
	In          *uint64  `json:"in,omitempty"`  // bytes handed to the device's services
	Out         *uint64  `json:"out,omitempty"` // bytes taken from the device's services
	AfterMS     *int64   `json:"after_ms,omitempty"`
	Code        *int     `json:"code,omitempty"`
}
