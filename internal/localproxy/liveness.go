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
// from it is a sign of life, for the service may leave a ping unanswered.
func (s *session) watch() {
	ticker := time.NewTicker(s.cfg.Policy.Ping)
	defer ticker.Stop()
	missed, seen := 0, s.link.reader.received.Load()
	for {
		// A ping that cannot be queued is no loss: the silence counts.
		_ = s.post(note{op: opPing, payload: []byte("edgeagent")})
		select {
		case <-ticker.C:
		case <-s.done:
			return
		}
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
	// From here on a service that does not read cannot hold anything up.
	_ = s.link.conn.SetWriteDeadline(time.Now().Add(closeWait))
	for _, a := range s.closeAll("asked to stop") {
		if !s.sendLastReset(a) {
			break
		}
	}
	s.ending.Do(func() {
		s.cause = errStopped
		s.sendClose(errStopped)
		// The reading side ends on the answer, or on the deadline.
		_ = s.link.conn.SetReadDeadline(time.Now().Add(closeWait))
		close(s.done)
	})
}

func (s *session) sendLastReset(a address) bool {
	if !s.out.acquireWithin(closeWait) {
		return false
	}
	defer s.out.release()
	return s.out.sendReset(a) == nil
}

// sendClose sends a close frame that tells cause. Failing is no loss: the
// connection is closed right after.
func (s *session) sendClose(cause error) {
	if !s.out.acquireWithin(closeWait) {
		return
	}
	defer s.out.release()
	_ = s.link.conn.SetWriteDeadline(time.Now().Add(closeWait))
	code, reason := closeStatus(cause)
	payload := binary.BigEndian.AppendUint16(nil, code)
	_ = s.out.sendControl(opClose, append(payload, reason...))
}

func closeStatus(cause error) (code uint16, reason string) {
	switch {
	case errors.Is(cause, errText):
		return closeUnsupported, "text message"
	case errors.Is(cause, errProtocol):
		return closeProtocol, "protocol violation"
	}
	return closeNormal, ""
}
