package vpn

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// restartPause is what OpenVPN waits with auth-retry nointeract, unless it holds.
const restartPause = 10 * time.Second

// initialisation is how far a process has come on its way to the first packet.
type initialisation struct {
	mu sync.Mutex
	on bool // released, and nothing sent yet
	// turn tells an attempt from those before it.
	turn int
	// held: the hold was asked for before the pause, and does not replace it.
	held bool
}

// begin returns how long OpenVPN pauses before it asks where to connect to.
func (i *initialisation) begin() (pause time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.held {
		pause = restartPause
	}
	i.on, i.held = true, false
	i.turn++
	return pause
}

// interrupt ends the initialisation, if there is one; OpenVPN then holds early.
func (i *initialisation) interrupt() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	was := i.on
	i.on, i.held = false, was
	return was
}

// current names the attempt that goes on.
func (i *initialisation) current() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.turn
}

// end reports whether the attempt of that turn comes to its first packet.
func (i *initialisation) end(turn int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.on || i.turn != turn {
		return false
	}
	i.on = false
	return true
}

// after does f at once if d is 0: no goroutine may come between then.
func after(d time.Duration, f func()) {
	if d == 0 {
		f()
		return
	}
	time.AfterFunc(d, f)
}

// fakeSettings are the engine's at one moment.
type fakeSettings struct {
	server  server
	address string
	opening time.Duration
}

func (p *fakeProcess) answer(command string) {
	var e fakeSettings
	p.e.set(func(f *fakeEngine) { e = fakeSettings{f.server, f.address, f.opening} })
	word, rest, _ := strings.Cut(command, " ")
	switch {
	case command == "pid":
		p.say(fmt.Sprintf("SUCCESS: pid=%d", p.pid))
	case e.server == scripted:
	case command == "hold release":
		pause := p.init.begin()
		after(pause, func() {
			if p.pin.IsValid() {
				p.dial(e, p.pin.String())
			} else {
				p.say(">REMOTE:vpn.example,443,udp")
			}
		})
	case word == "remote":
		f := strings.Fields(rest)
		p.dial(e, f[min(1, len(f)-1)])
	case word == "signal" && p.init.interrupt():
		p.say(">STATE:1795310556,RECONNECTING,close_context usr1 to hup,,,,,", ">HOLD:Waiting for hold release:0")
	case word == "signal":
		p.say(">STATE:1795295593,RECONNECTING,"+rest+",,,,,", ">HOLD:Waiting for hold release:1")
	}
}

// dial sends the first packet to the server, once it is opened.
func (p *fakeProcess) dial(e fakeSettings, server string) {
	p.e.note("dial " + server)
	turn := p.init.current()
	after(e.opening, func() {
		if !p.init.end(turn) {
			return
		}
		p.say(">STATE:1795295593,WAIT,,,,,,")
		if e.server != silent && server != "ACCEPT" {
			p.connect(e.server, server, e.address)
		}
	})
}

func (p *fakeProcess) connect(s server, remote, address string) {
	p.say(">STATE:1795295593,AUTH,,,,,,", ">LOG:1795295593,,TLS: Initial packet from [AF_INET]"+remote+":443, sid=1",
		">LOG:1795295593,,VERIFY OK: depth=0, CN=server")
	if s == rejecting {
		p.say(">LOG:1795295593,,AUTH: Received control message: AUTH_FAILED", ">PASSWORD:Verification Failed: 'Auth'",
			">STATE:1795295593,RECONNECTING,auth-failure,,,,,", ">HOLD:Waiting for hold release:10")
		return
	}
	p.e.w.kernel.makeTun(address, p.e.nextIndex(address))
	pings := "ping 1,ping-restart 20,"
	if p.e.pingless() {
		pings = ""
	}
	p.say(">LOG:1795295593,,"+pushPrefix+"PUSH_REPLY,dhcp-option DNS 10.0.0.2,"+pings+"ifconfig "+address+" 255.255.252.0'",
		">STATE:1795295593,CONNECTED,SUCCESS,"+address+","+remote+",443,,")
}

func (e *fakeEngine) Write(_ *profile, pin netip.Addr) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pin = pin
	return nil
}

// pingless reports whether the server pushes no ping.
func (e *fakeEngine) pingless() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.noPing
}

// nextIndex keeps the device while the address stays, as persist-tun does.
func (e *fakeEngine) nextIndex(address string) int {
	if dev, _, ok := e.w.kernel.view().holder(netip.MustParseAddr(address)); ok {
		return dev.index
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.index++
	return 10 + e.index
}
