package vpn

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestMeterForgetsWhatIsADayOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Meter{}
		for range 48 {
			m.Add("ppp0", 100)
			time.Sleep(time.Hour)
		}
		m.Add("eth0", 7)
		// 23 whole hours and the one that goes on.
		if got := m.Day("ppp0"); got != 23*100 {
			t.Errorf("a day of 100 bytes an hour is %d", got)
		}
		if got := m.Day("eth0"); got != 7 {
			t.Errorf("another device: %d", got)
		}
		time.Sleep(25 * time.Hour)
		if got := m.Day("ppp0"); got != 0 {
			t.Errorf("a day later: %d", got)
		}
	})
}

// What a TCP connection costs is more than what is written to it.
func TestMeterCountsTCPWithItsHeaders(t *testing.T) {
	m := &Meter{}
	client, server := tcpPair(t)
	conn := m.Wrap("ppp0", client)
	const rounds, size = 20, 100
	buf := make([]byte, size)
	for range rounds {
		if _, err := conn.Write(buf); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(server, buf); err != nil {
			t.Fatal(err)
		}
	}
	open := m.Day("ppp0")
	// The handshake, each segment and its acknowledgement.
	if least, most := int64(rounds*(size+tcpHeaders)), int64(rounds*(size+2*tcpHeaders)+10*tcpHeaders); open < least || open > most {
		t.Errorf("counted %d bytes, want %d to %d", open, least, most)
	}
	if again := m.Day("ppp0"); again != open {
		t.Errorf("an idle connection grew from %d to %d", open, again)
	}
	conn.Close()
	if closed := m.Day("ppp0"); closed < open {
		t.Errorf("closed, it shrank from %d to %d", open, closed)
	}
}

// A DNS client tells datagrams from streams by the kind of the connection.
func TestMeterLeavesPacketsPackets(t *testing.T) {
	m := &Meter{}
	far, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := net.Dial("udp4", far.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := m.Wrap("ppp0", near)
	defer conn.Close()
	if _, ok := conn.(net.PacketConn); !ok {
		t.Error("not a packet connection any more")
	}
	if _, err := conn.Write(make([]byte, 60)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := far.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := far.WriteTo(buf[:n], from); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(buf); err != nil {
		t.Fatal(err)
	}
	if got := m.Day("ppp0"); got != 2*(60+udpHeaders) {
		t.Errorf("counted %d bytes, want %d", got, 2*(60+udpHeaders))
	}
}

// tcpPair returns both ends of a connection.
func tcpPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
		close(accepted)
	}()
	if client, err = net.Dial("tcp4", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	server, ok := <-accepted
	if !ok {
		t.Fatal("nobody accepted")
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}
