package soak

import (
	"bufio"
	"io"
	"os"
	"regexp"
	"strconv"

	"edgeagent/internal/lab"
)

// ledger is what the broker's log says of the stream.
type ledger struct {
	acked    []int // by the device, how often for each number
	repeated int   // PUBLISH packets that were sent to the device again
}

var (
	sendLine = regexp.MustCompile(`Sending PUBLISH to ` + lab.Thing + ` \(d(\d), q1, r\d, m(\d+), .* \((\d+) bytes\)\)`)
	ackLine  = regexp.MustCompile(`Received PUBACK from ` + lab.Thing + ` \(Mid: (\d+),`)
)

// readLedger reads the log of mosquitto. A packet identifier stands for one
// message until that is acknowledged; it is then free for another (MQTT 3.1.1,
// section 2.3.1).
func readLedger(log io.Reader) (ledger, error) {
	l := ledger{acked: make([]int, lengths)}
	open := map[string]int{} // number of a message by packet identifier
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		line := lines.Text()
		if m := sendLine.FindStringSubmatch(line); m != nil {
			length, err := strconv.Atoi(m[3])
			if err != nil || length < firstLength || length >= firstLength+lengths {
				delete(open, m[2])
				continue
			}
			number := length - firstLength
			if before, ok := open[m[2]]; ok && before == number {
				l.repeated++
			}
			open[m[2]] = number
		} else if m := ackLine.FindStringSubmatch(line); m != nil {
			if number, ok := open[m[1]]; ok {
				l.acked[number]++
				delete(open, m[1])
			}
		}
	}
	return l, lines.Err()
}

// size is that of a file in bytes, 0 if it is not there.
func size(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

// acknowledged reports whether the device has acknowledged a message in what
// follows the first so many bytes of the log.
func acknowledged(name string, after int64) bool {
	log, err := os.Open(name)
	if err != nil {
		return false
	}
	defer log.Close()
	if _, err := log.Seek(after, io.SeekStart); err != nil {
		return false
	}
	text, err := io.ReadAll(log)
	return err == nil && ackLine.Match(text)
}

// lost counts the messages that the broker has taken and the device has never
// acknowledged.
func (l ledger) lost(taken []int) (n int) {
	for number, times := range taken {
		n += max(0, times-l.acked[number])
	}
	return n
}
