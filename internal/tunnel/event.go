package tunnel

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// eventsFD is the descriptor on which the built-in proxy writes its events.
const eventsFD = 3

// Kinds of event, as `edgeagent localproxy` names them.
const (
	eventConnecting   = "connecting"
	eventConnected    = "connected"
	eventStreamOpened = "stream_opened"
	eventStreamClosed = "stream_closed"
	eventBytes        = "bytes"
	eventRetry        = "retry"
	eventClosed       = "closed"
)

// event is one line of JSON from the built-in proxy, or what was understood of
// an external program's output. Kinds this package does not know are ignored.
type event struct {
	Event      string `json:"event"`
	Address    string `json:"address"`
	ChannelID  string `json:"channel_id"`
	Service    string `json:"service"`
	Connection int64  `json:"connection"`
	Reason     string `json:"reason"`
	In         int64  `json:"in"`  // bytes towards the device's services since the start
	Out        int64  `json:"out"` // bytes from them
	AfterMS    int64  `json:"after_ms"`
	Code       int    `json:"code"` // of closed: the exit status
}

// readEvents hands every event on r to emit until r ends. What is no event is
// skipped: the child is another program, and a torn last line is normal.
func readEvents(r io.Reader, emit func(event)) (rest []byte) {
	return readLines(r, maxEventLine, func(line []byte) {
		var e event
		if json.Unmarshal(line, &e) == nil && e.Event != "" {
			emit(e)
		}
	})
}

// Lines of the reference program (TcpAdapterProxy.cpp) that tell how it fares.
const (
	referenceConnected = "Successfully established websocket connection"
	referenceRejected  = "rejected web socket upgrade request: ("
)

// referenceEvent understands a line of the reference program. Its exit status
// says nothing, it is 0 after a 403 too.
func referenceEvent(line string) (event, bool) {
	if strings.Contains(line, referenceConnected) {
		return event{Event: eventConnected}, true
	}
	_, answer, found := strings.Cut(line, referenceRejected)
	if !found {
		return event{}, false
	}
	var version string
	var code int
	if n, _ := fmt.Sscanf(answer, "%s %d", &version, &code); n != 2 || code < 400 || code > 499 {
		return event{}, false
	}
	answer, _, _ = strings.Cut(answer, ")")
	return event{Event: eventClosed, Reason: answer, Code: codeDenied}, true
}
