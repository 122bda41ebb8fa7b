package faults

import (
	"bufio"
	"io"
	"regexp"
	"strconv"

	"edgeagent/internal/lab"
)

// firstLength is the length in bytes of the stream's first message; every
// message after it is a byte longer. The broker's log has no payloads, but it has
// lengths: they tell the messages apart. Notifications of tunnels are shorter.
const firstLength = 300

// delivery is one message in the device's queue at the broker.
type delivery struct {
	number int // of the message in the stream
	sends  int // PUBLISH packets to the device, repetitions included
	acks   int // PUBACK packets from the device
}

// ledger is what the broker's log says of the stream.
type ledger struct {
	deliveries []*delivery
}

var (
	sendLine = regexp.MustCompile(`Sending PUBLISH to ` + lab.Thing + ` \(d(\d), q1, r\d, m(\d+), .* \((\d+) bytes\)\)`)
	ackLine  = regexp.MustCompile(`Received PUBACK from ` + lab.Thing + ` \(Mid: (\d+),`)
)

// readLedger reads the log of mosquitto. A packet identifier stands for one
// delivery until it is sent anew without the flag DUP, or for another message
// (MQTT 3.1.1, sections 2.3.1 and 3.3.1.1).
func readLedger(log io.Reader) (ledger, error) {
	var l ledger
	open := map[string]*delivery{}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if m := sendLine.FindStringSubmatch(lines.Text()); m != nil {
			length, err := strconv.Atoi(m[3])
			if err != nil || length < firstLength {
				continue
			}
			d := open[m[2]]
			if d == nil || m[1] == "0" || d.number != length-firstLength {
				d = &delivery{number: length - firstLength}
				open[m[2]] = d
				l.deliveries = append(l.deliveries, d)
			}
			d.sends++
		} else if m := ackLine.FindStringSubmatch(lines.Text()); m != nil {
			if d := open[m[1]]; d != nil {
				d.acks++
			}
		}
	}
	return l, lines.Err()
}

// missing are the messages among the first n that the device has never
// acknowledged.
func (l ledger) missing(n int) []int {
	taken := map[int]bool{}
	for _, d := range l.deliveries {
		if d.acks > 0 {
			taken[d.number] = true
		}
	}
	var missing []int
	for i := range n {
		if !taken[i] {
			missing = append(missing, i)
		}
	}
	return missing
}

// acknowledged counts the deliveries that the device has acknowledged.
func (l ledger) acknowledged() (n int) {
	for _, d := range l.deliveries {
		if d.acks > 0 {
			n++
		}
	}
	return n
}

// repeated counts the packets that were sent again: so many messages at most may
// have come twice.
func (l ledger) repeated() (n int) {
	for _, d := range l.deliveries {
		n += d.sends - 1
	}
	return n
}
