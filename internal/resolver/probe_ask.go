package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

const (
	// askAgain is between two questions over UDP to a server that has been silent.
	askAgain = 2 * time.Second
	// askApart is how long one server may be silent before the next is asked as
	// well: a UDP answer is not to be expected any more. Were TCP waited for, two
	// silent servers would take 14 s to be sure of.
	askApart = 2 * time.Second
)

// question asks one server.
type question func(ctx context.Context, ask asker, host string, path Path, server netip.Addr) Result

// askAll asks one server after the other for the addresses of host until one
// gives a decisive answer, and returns the best result: any sign of life is
// better than silence. The next one's turn is when those before have answered, or
// have been silent for so long as apart says.
func askAll(ctx context.Context, one question, apart time.Duration, ask asker, host string, path Path, servers []netip.Addr) Result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]Result, len(servers))
	landed := make(chan int, len(servers))
	turn := time.NewTimer(0)
	defer turn.Stop()
	asked, heard := 0, 0
	for heard < asked || asked < len(servers) && (asked == 0 || ctx.Err() == nil) {
		select {
		case <-turn.C:
			if i := asked; i < len(servers) {
				go func() {
					results[i] = one(ctx, ask, host, path, servers[i])
					landed <- i
				}()
				asked++
				turn.Reset(apart)
			}
		case i := <-landed:
			if results[i].decisive() {
				return results[i]
			}
			heard++
			turn.Reset(0)
		}
	}
	best := Result{At: time.Now(), Path: path, Err: errNoServers}
	for _, r := range results[:asked] {
		if r.rank() >= best.rank() {
			best = r
		}
	}
	return best
}

// insist asks one server as askOne does, and over UDP again each askAgain while
// that waits for TCP. A server that is back while its connection waits, which what
// was in the way may have broken without a word, is not kept waiting as well.
func insist(ctx context.Context, ask asker, host string, path Path, server netip.Addr) Result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	whole, again := make(chan Result, 1), make(chan Result, 1)
	go func() { whole <- askOne(ctx, ask, host, path, server) }()
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		select {
		case r := <-whole:
			return r
		case r := <-again:
			if r.decisive() {
				return r
			}
		case <-tick.C:
			go func() {
				// So short that nothing of it goes over TCP.
				ctx, cancel := context.WithTimeout(ctx, askAgain)
				defer cancel()
				select {
				case again <- askOne(ctx, ask, host, path, server):
				default: // one has not been looked at yet
				}
			}()
		}
	}
}

// askOne asks for IPv4 only: interface endpoints of AWS IoT have nothing else.
// https://docs.aws.amazon.com/iot/latest/developerguide/IoTCore-VPC.html
func askOne(ctx context.Context, ask asker, host string, path Path, server netip.Addr) Result {
	// Without EDNS: the answer fits, and the packet is the smallest there is.
	q := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
	start := time.Now()
	m, err := ask.Exchange(ctx, q, netip.AddrPortFrom(server, dnsPort), path.Device)
	r := Result{At: time.Now(), RTT: time.Since(start), Server: server, Path: path}
	if err != nil {
		r.Err = fmt.Errorf("probing through %s: %w", path.Device, err)
		return r
	}
	r.Rcode = m.Rcode
	r.Addresses, r.TTL = addressesOf(m, host)
	return r
}
