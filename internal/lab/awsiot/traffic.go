package awsiot

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// traffic writes who comes and goes, each message to a client and each
// acknowledgement, in the words of mosquitto's own log: what counts messages reads
// both.
type traffic struct {
	mochi.HookBase
	mu sync.Mutex
	w  io.Writer
}

// ID names the hook.
func (*traffic) ID() string { return "traffic" }

// Provides implements mochi.Hook.
func (*traffic) Provides(kind byte) bool {
	return bytes.IndexByte([]byte{
		mochi.OnSessionEstablished, mochi.OnDisconnect, mochi.OnPacketEncode, mochi.OnPacketRead,
	}, kind) >= 0
}

func (t *traffic) line(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.w, "%d: "+format+"\n", append([]any{time.Now().Unix()}, args...)...)
}

// OnSessionEstablished is called when a session has been handed over.
func (t *traffic) OnSessionEstablished(cl *mochi.Client, pk packets.Packet) {
	t.line("New client connected from %s as %s (p2, c%d, k%d).", cl.Net.Remote, cl.ID, flag(pk.Connect.Clean), pk.Connect.Keepalive)
}

// OnDisconnect is called for sessions only, not for a CONNECT that was refused.
func (t *traffic) OnDisconnect(cl *mochi.Client, err error, _ bool) {
	t.line("Client %s from %s disconnected: %v.", cl.ID, cl.Net.Remote, err)
}

// OnPacketEncode is called before a packet is written: afterwards its answer may
// already be there.
func (t *traffic) OnPacketEncode(cl *mochi.Client, pk packets.Packet) packets.Packet {
	if h := pk.FixedHeader; h.Type == packets.Publish {
		t.line("Sending PUBLISH to %s (d%d, q%d, r%d, m%d, '%s', ... (%d bytes))",
			cl.ID, flag(h.Dup), h.Qos, flag(h.Retain), pk.PacketID, pk.TopicName, len(pk.Payload))
	}
	return pk
}

// OnPacketRead is called before a packet is acted upon.
func (t *traffic) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type == packets.Puback {
		t.line("Received PUBACK from %s (Mid: %d, RC:0)", cl.ID, pk.PacketID)
	}
	return pk, nil
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}
