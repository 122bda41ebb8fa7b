package mqtt

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// piped returns a conn and its far end, without TLS.
func piped() (*conn, net.Conn) {
	near, far := net.Pipe()
	return newConn(near, near, 230*time.Second), far
}

func TestConnackCodeIsCappedForPahoAndKept(t *testing.T) {
	for code, capped := range map[byte]byte{0: 0, 5: 5, 6: 5, 7: 5, 255: 5} {
		for _, size := range []int{1, 2, 3, 4} {
			c, far := piped()
			go func() { _, _ = far.Write([]byte{typeConnack, 2, 1, code}) }()
			var got []byte
			for len(got) < 4 {
				b := make([]byte, size)
				n := must(c.Read(b))
				got = append(got, b[:n]...)
			}
			if !bytes.Equal(got, []byte{typeConnack, 2, 1, capped}) || c.connackCode() != code {
				t.Errorf("code %d in pieces of %d: paho sees % x, kept %d", code, size, got, c.connackCode())
			}
		}
	}
}

func TestOnlyTheFirstPacketIsAConnack(t *testing.T) {
	c, far := piped()
	stream := []byte{typePuback, 2, 0, 9, typeConnack, 2, 0, 9}
	go func() { _, _ = far.Write(stream) }()
	got := make([]byte, len(stream))
	must(io.ReadFull(c, got))
	if !bytes.Equal(got, stream) || c.connackCode() != 0 {
		t.Errorf("paho sees % x, kept %d", got, c.connackCode())
	}
}

func TestKeepAliveIsPutIntoConnectOnly(t *testing.T) {
	for _, name := range []string{"gw", string(make([]byte, 200))} { // lengths of one and two bytes
		p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
		p.ProtocolName, p.ProtocolVersion, p.ClientIdentifier = "MQTT", 4, name
		before := wire(p)
		sent := bytes.Clone(before)
		c, _ := piped()
		got := must(packets.ReadPacket(bytes.NewReader(c.withKeepAlive(sent)))).(*packets.ConnectPacket)
		if got.Keepalive != 230 || got.ClientIdentifier != name {
			t.Errorf("CONNECT became %+v", got)
		}
		if !bytes.Equal(sent, before) {
			t.Error("the caller's bytes were changed")
		}
	}
	c, _ := piped()
	for _, other := range [][]byte{publishOf(50), {typeConnect, 3, 0, 1, 2}, {typeConnect}, {}} {
		if got := c.withKeepAlive(other); !bytes.Equal(got, other) {
			t.Errorf("% x became % x", other, got)
		}
	}
}

func TestPingWaitsForThePacketUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, far := piped()
		var got bytes.Buffer
		go func() { _, _ = io.Copy(&got, far) }()
		packet := publishOf(50)
		must(c.Write(packet[:20]))
		c.ping()
		must(c.Write(packet[20:]))
		c.ping()
		synctest.Wait()
		want := append(packet, typePingreq, 0, typePingreq, 0)
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("sent % x, want % x", got.Bytes(), want)
		}
		c.Close()
		far.Close()
	})
}

func TestRoundTripIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, far := piped()
		go func() {
			must(io.ReadFull(far, make([]byte, 2)))
			time.Sleep(41 * time.Millisecond)
			_, _ = far.Write([]byte{typePingresp, 0, typePingresp, 0}) // the second answers nothing
		}()
		go func() { _, _ = io.Copy(io.Discard, c) }()
		c.ping()
		synctest.Wait()
		if rtt := <-c.pongs; rtt != 41*time.Millisecond {
			t.Errorf("round trip %v", rtt)
		}
		synctest.Wait()
		select {
		case rtt := <-c.pongs:
			t.Errorf("a round trip of %v for a PINGRESP that nobody asked for", rtt)
		default:
		}
		c.Close()
		far.Close()
	})
}

func TestEveryWriteHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, send := range []func(*conn) error{
			func(c *conn) error { _, err := c.Write(publishOf(1)); return err },
			func(c *conn) error { c.ping(); return c.cause },
		} {
			c, far := piped()
			start := time.Now()
			if err := send(c); !timedOut(err) || time.Since(start) != writeTimeout {
				t.Errorf("a write that nobody reads: %v after %v", err, time.Since(start))
			}
			<-c.dead
			if !timedOut(c.cause) {
				t.Errorf("cause %v", c.cause)
			}
			far.Close()
		}
	})
}

// resetConn is a TLS connection whose far side has sent an alert and reset it.
type resetConn struct{ net.Conn }

func (resetConn) SetWriteDeadline(time.Time) error { return nil }
func (resetConn) SetReadDeadline(time.Time) error  { return nil }
func (resetConn) Write([]byte) (int, error)        { return 0, syscall.ECONNRESET }
func (resetConn) Read([]byte) (int, error) {
	return 0, &net.OpError{Op: "remote error", Err: errors.New("tls: expired certificate")}
}

func TestAlertIsFoundBehindAFailedConnect(t *testing.T) {
	c := newConn(resetConn{}, nil, 0)
	if _, err := c.Write([]byte{typeConnect, 0}); alertIn(err) != "expired certificate" {
		t.Errorf("CONNECT into a reset connection: %v, want the alert", err)
	}
	c = newConn(resetConn{}, nil, 0)
	if _, err := c.Write([]byte{typePingreq, 0}); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("later there is no alert to wait for: %v", err)
	}
}

func TestFirstErrorIsKeptUnlessItIsOurOwnClose(t *testing.T) {
	c, far := piped()
	far.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("reading: %v", err)
	}
	_, _ = c.Write(publishOf(1))
	if err := c.why(errors.New("later")); !errors.Is(err, io.EOF) {
		t.Errorf("kept %v, want the first", err)
	}

	c, _ = piped()
	c.Close()
	_, _ = c.Read(make([]byte, 1))
	if err := c.why(errLater); err != errLater {
		t.Errorf("kept %v for a connection that this side closed", err)
	}
}

var errLater = errors.New("later")

func TestUnansweredPacketsAreCounted(t *testing.T) {
	c, far := piped()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	qos1 := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	qos1.Qos, qos1.MessageID, qos1.TopicName = 1, 1, "t"
	for _, p := range [][]byte{wire(qos1), publishOf(3), {typeSubscribe | 2, 0}, {typeConnect, 0}} {
		must(c.Write(p))
	}
	if got, want := c.waitingFor(), (unacked{connects: 1, subscribes: 1, publishes: 1}); got != want {
		t.Errorf("waiting for %+v, want %+v", got, want)
	}
	go func() { _, _ = far.Write([]byte{typeConnack, 2, 0, 0, typeSuback, 1, 0, typePuback, 2, 0, 1}) }()
	must(io.ReadFull(c, make([]byte, 11)))
	if got := c.waitingFor(); got != (unacked{}) {
		t.Errorf("still waiting for %+v", got)
	}
}
