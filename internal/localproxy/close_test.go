package localproxy

import (
	"testing"
	"testing/synctest"
)

// Whatever ends a session, the service is told by the right status (RFC 6455,
// section 7.4.1), and its own close frame is answered.
func TestCloseStatusOnTheWire(t *testing.T) {
	for name, c := range map[string]struct {
		last []byte
		want int
	}{
		"a text message":         {frame(opText, []byte("hi")), closeUnsupported},
		"a masked frame":         {[]byte{0x82, 0x81, 0, 0, 0, 0, 0}, closeProtocol},
		"a broken message":       {frame(opBinary, []byte{0, 1, 0xff}), closeProtocol},
		"an unknown message":     {frame(opBinary, message{kind: 50}.encode()), closeProtocol},
		"a close in order":       {frame(opClose, []byte{0x03, 0xe8}), closeNormal},
		"a close going away":     {frame(opClose, []byte{0x03, 0xe9, 'b', 'y', 'e'}), 1001},
		"a close of its own":     {frame(opClose, []byte{0x0f, 0xa0}), 4000},
		"a close with no status": {frame(opClose, nil), closeNormal},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, r := startSession(t, "SSH=22", Policy{}, dialing())
			p.raw(c.last)
			<-r.done
			synctest.Wait()
			if got := p.closeCode(); got != c.want {
				t.Errorf("%s: status %d, want %d", name, got, c.want)
			}
		})
	}
}
