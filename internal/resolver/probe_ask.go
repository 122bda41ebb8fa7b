package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// askAgain is between two questions over UDP to a server that has been silent.
const askAgain = 2 * time.Second

// askAll asks one server after the other for the addresses of host until one
// gives a decisive answer, and returns the best result: any sign of life is
// better than silence.
func askAll(ctx context.Context, ask asker, host string, path Path, servers []netip.Addr) Result {
	best := Result{At: time.Now(), Path: path, Err: errNoServers}
	for _, server := range servers {
		r := askOne(ctx, ask, host, path, server)
		if r.rank() >= best.rank() {
			best = r
		}
		if r.decisive() || ctx.Err() != nil {
			break
		}
	}
	return best
}

// question asks one server.
type question func(ctx context.Context, ask asker, host string, path Path, server netip.Addr) Result

// askTogether asks all servers at once. The first decisive answer is the result,
// else the same as askAll's.
func askTogether(ctx context.Context, one question, ask asker, host string, path Path, servers []netip.Addr) Result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]Result, len(servers))
	landed := make(chan int, len(servers))
	for i, server := range servers {
		go func() {
			results[i] = one(ctx, ask, host, path, server)
			landed <- i
		}()
	}
	best := Result{At: time.Now(), Path: path, Err: errNoServers}
	for range servers {
		if i := <-landed; results[i].decisive() {
			return results[i]
		}
	}
	for _, r := range results {
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
