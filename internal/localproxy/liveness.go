package localproxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// errSilent means that the connection is half open or the path is gone.
var errSilent = errors.New("the service went silent")

// watch pings the service and ends the session when it stays silent. Any byte
// from it is a sign of life, for the service may leave a ping unanswered. It
// also ends the session for those who cannot wait for that themselves.
func (s *session) watch() {
	ticker := time.NewTicker(s.cfg.Policy.Ping)
	defer ticker.Stop()
	missed, seen := 0, s.link.reader.received.Load()
	for {
		// A ping that cannot be queued is no loss: the silence counts.
		_ = s.out.post(note{op: opPing, payload: []byte("edgeagent")})
		select {
		case <-ticker.C:
		case err := <-s.fatal:
			s.end(err)
			return
		case <-s.done:
			return
		}
		// While the tunnel waits for a full connection nothing is read, the
		// answers to pings no more than the rest.
		now := s.link.reader.received.Load()
		if now != seen || s.holding.Load() {
			missed = 0
		} else {
			missed++
		}
		seen = now
		if missed >= s.cfg.Policy.MissedPings {
			s.end(fmt.Errorf("%w: %d pings without an answer", errSilent, missed))
			return
		}
	}
}

// closeWait bounds how long the service's answer to a close frame is waited for.
const closeWait = time.Second

// stop ends the session in order: every connection is reset for its source,
// and the WebSocket closed with status 1000.
func (s *session) stop() {
	var notes []note
	for _, a := range s.closeAll("asked to stop") {
		notes = append(notes, note{reset: a})
	}
	s.ending.Do(func() {
		s.cause = errStopped
		s.farewell(append(notes, closeNote(errStopped))...)
		close(s.done)
	})
}

// farewell sends notes as the last ones and leaves the reading side a moment
// for the answer. A service that neither reads nor answers holds nothing up.
func (s *session) farewell(notes ...note) {
	_ = s.link.conn.SetDeadline(time.Now().Add(closeWait))
	s.out.last <- notes
	<-s.out.stopped
}

// closeNote is a close frame that tells cause.
func closeNote(cause error) note {
	code, reason := closeStatus(cause)
	return note{op: opClose, payload: append(binary.BigEndian.AppendUint16(nil, code), reason...)}
}

// closeStatus chooses the status of a close frame (RFC 6455, section 7.4.1).
func closeStatus(cause error) (code uint16, reason string) {
	var closed *closedError
	switch {
	case errors.As(cause, &closed) && closed.code != closeNoStatus:
		return uint16(closed.code), "" // the answer repeats it
	case errors.Is(cause, errText):
		return closeUnsupported, "text message"
	case errors.Is(cause, errProtocol):
		return closeProtocol, "protocol violation"
	}
	return closeNormal, ""
}
