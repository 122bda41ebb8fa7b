package lab

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Limits of memory for a device with little of it, in kB.
const (
	maxProxyRSS  = 30 << 10
	maxDaemonRSS = 40 << 10
)

// checkRSS tells what the daemon and the tunnel's process have held at most.
func checkRSS(t *testing.T, a *Agent) {
	t.Helper()
	daemon, proxy := peakRSS(t, a.PID()), peakRSS(t, onlyProxy(t, a))
	t.Logf("peak RSS: daemon %.1f MB, proxy %.1f MB", float64(daemon)/1024, float64(proxy)/1024)
	if daemon > maxDaemonRSS || proxy > maxProxyRSS {
		t.Errorf("daemon %d kB, proxy %d kB; want at most %d and %d", daemon, proxy, maxDaemonRSS, maxProxyRSS)
	}
}

// randomFile writes size bytes that nobody can guess or compress.
func randomFile(t *testing.T, name string, size int64) {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{byte(size)}), size)
	must(t, errors.Join(err, f.Close()))
}

func TestTunnelCopiesFiles(t *testing.T) {
	t.Parallel()
	const size = 200_000_000
	l, a := startOK(t, Options{})
	tunnel := open(t, l, "SSH")
	sent, there, back := l.path("office", "sent"), l.path("device", "there"), l.path("office", "back")
	randomFile(t, sent, size)
	want := sumFile(t, sent)

	begin := time.Now()
	scp(t, tunnel, sent, "root@127.0.0.1:"+there)
	down := time.Since(begin)
	if got := sumFile(t, there); got != want {
		t.Errorf("on the device: %s, sent were %s", got, want)
	}
	must(t, os.Remove(sent)) // scp might find it there again
	begin = time.Now()
	scp(t, tunnel, "root@127.0.0.1:"+there, back)
	t.Logf("to the device in %.1f s, back in %.1f s", down.Seconds(), time.Since(begin).Seconds())
	if got := sumFile(t, back); got != want {
		t.Errorf("back in the office: %s, sent were %s", got, want)
	}

	checkRSS(t, a)
	tunnels := waitList(t, l, "counted", func(list []listed) bool {
		return len(list) == 1 && list[0].BytesIn > size && list[0].BytesOut > size
	})
	if in, out := tunnels[0].BytesIn, tunnels[0].BytesOut; in > size*11/10 || out > size*11/10 {
		t.Errorf("counted %d bytes in and %d out, for %d each way", in, out, size)
	}
	clean(t, l, "copying files")
}

// screen is one side of a connection that sends and receives at the same time,
// as VNC does. What it sends is framed, for a tunnel cannot close one direction
// alone.
type screen struct {
	seed    byte
	atLeast int             // bytes to send, and then
	enough  <-chan struct{} // until this is closed
}

// exchanged is what one side of a connection sent and received, for comparison
// with the other.
type exchanged struct {
	sent, received       string
	sentBytes, recvBytes int
}

// exchange sends and receives until both directions are done.
func (s screen) exchange(conn net.Conn) (e exchanged, err error) {
	var wg sync.WaitGroup
	var sendErr error
	wg.Go(func() { e.sent, e.sentBytes, sendErr = s.send(conn) })
	e.received, e.recvBytes, err = receive(conn)
	wg.Wait()
	return e, errors.Join(sendErr, err)
}

const frameSize = 60_000

func (s screen) send(conn net.Conn) (string, int, error) {
	source, sum, total := rand.NewChaCha8([32]byte{s.seed}), sha256.New(), 0
	frame := make([]byte, 4+frameSize)
	for {
		if total >= s.atLeast && isClosed(s.enough) {
			_, err := conn.Write(make([]byte, 4))
			return digest(sum), total, err
		}
		binary.BigEndian.PutUint32(frame, frameSize)
		source.Read(frame[4:])
		sum.Write(frame[4:])
		if _, err := conn.Write(frame); err != nil {
			return "", total, err
		}
		total += frameSize
	}
}

func receive(conn net.Conn) (string, int, error) {
	r, sum, total := bufio.NewReader(conn), sha256.New(), 0
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return "", total, err
		}
		size := int64(binary.BigEndian.Uint32(head[:]))
		if size == 0 {
			return digest(sum), total, nil
		}
		n, err := io.CopyN(sum, r, size)
		if total += int(n); err != nil {
			return "", total, err
		}
	}
}

func digest(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestTunnelCarriesServicesSideBySide has one big and two small VNC-like
// connections on one service, and ssh on the other while they run.
func TestTunnelCarriesServicesSideBySide(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: bothServices(nil)})
	sizes := []int{50_000_000, 5_000_000, 5_000_000}
	used, none := make(chan struct{}), make(chan struct{})
	close(none)
	enough := []chan struct{}{used, none, none}
	type result struct {
		id byte
		exchanged
		err error
	}
	device, far := make(chan result, len(sizes)), make(chan result, len(sizes))
	serveVNC(t, l, func(conn net.Conn) {
		var id [1]byte
		if _, err := io.ReadFull(conn, id[:]); err != nil {
			device <- result{err: err}
			return
		}
		e, err := screen{100 + id[0], sizes[id[0]], enough[id[0]]}.exchange(conn)
		device <- result{id[0], e, err}
		io.Copy(io.Discard, conn) // until the office closes: our close could overtake its bytes
	})
	tunnel := open(t, l, "SSH", "VNC")
	for i, size := range sizes {
		conn := dial(t, tunnel, "VNC")
		must(t, conn.SetDeadline(time.Now().Add(agentTimeout)))
		go func() {
			if _, err := conn.Write([]byte{byte(i)}); err != nil {
				far <- result{err: err}
				return
			}
			e, err := screen{byte(i), size, enough[i]}.exchange(conn)
			far <- result{byte(i), e, err}
		}()
	}
	// The big one goes on until ssh has been used beside it.
	session := openSSH(t, tunnel)
	for i := range 10 {
		session.say(t, fmt.Sprint("line ", i))
	}
	run(t, tunnel)
	close(used)

	results := map[byte][2]result{}
	for range sizes {
		d, o := <-device, <-far
		must(t, errors.Join(d.err, o.err))
		results[d.id] = [2]result{d, results[d.id][1]}
		results[o.id] = [2]result{results[o.id][0], o}
	}
	for i, size := range sizes {
		d, o := results[byte(i)][0], results[byte(i)][1]
		t.Logf("connection %d: %d bytes in, %d out", i, o.sentBytes, d.sentBytes)
		if o.sent != d.received || d.sent != o.received || o.sentBytes != d.recvBytes || d.sentBytes != o.recvBytes {
			t.Errorf("connection %d: the office has %+v, the device %+v", i, o.exchanged, d.exchanged)
		}
		if o.sentBytes < size || d.sentBytes < size {
			t.Errorf("connection %d carried less than %d bytes each way", i, size)
		}
	}
	session.say(t, "still here")
	checkRSS(t, a)
	clean(t, l, "carrying two services")
}
