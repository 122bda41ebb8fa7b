package bench

import (
	"fmt"
	"time"
)

// dnsResult compares the forwarders; the first of all is the server behind them.
func dnsResult(all []*forwarder) result {
	stub := all[1]
	// What any forwarder pays for being a process more: the more an idle machine's
	// processors sleep, the longer it takes to wake them.
	why := fmt.Sprintf("a program more on the way costs %.0f µs on this machine (%s); the rest is Go's network poller",
		micro(quantile(all[2].added, 0.5)), all[2].name)
	added := atMost("DNS latency that the stub adds, p50", micro(quantile(stub.added, 0.5)), addedP50, "%.0f µs", why)
	rows := [][]string{{"Server", "Round trip p50 / p99", "Added p50 / p99", "From its cache p50 / p99", "Answers/s forwarded (CPU each)", "Answers/s cached (CPU each)"}}
	for _, f := range all {
		row := []string{f.name, pair(f.fresh), unasked, unasked, unasked, unasked}
		if f.pid != 0 {
			row[2], row[3], row[4], row[5] = pair(f.added), pair(f.cached), f.rate[false].String(), f.rate[true].String()
		}
		rows = append(rows, row)
	}
	return result{
		figures: []figure{
			added,
			shown("DNS latency that the stub adds, p99", "%.0f µs", micro(quantile(stub.added, 0.99))),
			shown("queries a second through the stub", "%.0f forwarded, %.0f cached", stub.rate[false].perSecond(), stub.rate[true].perSecond()),
		},
		text: table(rows) + fmt.Sprintf(`
All three run at once on the device, as plain forwarders without validation, with unbound on one thread, in front of the same server on the uplink.
Round trips: %d questions to each, one after the other, interleaved and each for a new name; "added" is the difference to the direct question
of the same round. Answers per second: %d clients, each with a socket of its own, that ask again as soon as they are answered, %d times %s for each in turn.
`, dnsRounds, loadAskers, loadSlices, loadSlice),
	}
}

// pair is the middle and the slowest hundredth of round trips, in µs.
func pair(all []time.Duration) string {
	return fmt.Sprintf("%.0f / %.0f µs", micro(quantile(all, 0.5)), micro(quantile(all, 0.99)))
}

func (r *rate) perSecond() float64 { return float64(r.answers) / r.took.Seconds() }

// String is how many, and what one costs the server.
func (r *rate) String() string {
	return fmt.Sprintf("%.0f (%.0f µs)", r.perSecond(), micro(r.cpu)/float64(max(r.answers, 1)))
}
