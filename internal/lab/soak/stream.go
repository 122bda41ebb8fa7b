package soak

import (
	"context"
	"strings"
	"sync"
	"time"

	"edgeagent/internal/lab"
)

// Pace of the stream. The daemon takes one notification in two seconds and eight
// at once: before one that must be taken the stream pauses for so long that there
// is room.
const (
	streamEvery = 500 * time.Millisecond
	streamPause = 6 * time.Second
	publishTime = 3 * time.Second // for one message to be taken by the broker
)

// Lengths of the stream's messages in bytes: the broker's log has lengths and no
// payloads, so the length is a message's number. They begin anew after half an
// hour; whatever else is published on the topic is shorter.
const (
	firstLength = 1024
	lengths     = 4096
)

// stream publishes messages for the device at QoS 1, however the path is. None is
// a notification that opens a tunnel.
type stream struct {
	lab  *lab.Lab
	quit chan struct{}
	done chan struct{}

	mu    sync.Mutex // held while a message is on its way
	taken []int      // by the broker, how often for each number
	sent  int
}

func startStream(ctx context.Context, l *lab.Lab) *stream {
	s := &stream{lab: l, quit: make(chan struct{}), done: make(chan struct{}), taken: make([]int, lengths)}
	go s.run(ctx)
	return s
}

func (s *stream) run(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	for number := 0; ; number = (number + 1) % lengths {
		select {
		case <-tick.C:
			s.publish(ctx, number)
		case <-s.quit:
			return
		}
	}
}

// publish counts a message that the broker has said to have taken. Of one about
// which it has said nothing, it is not known whether it must arrive.
func (s *stream) publish(ctx context.Context, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	if s.lab.Publish(ctx, lab.NotifyTopic, message(number)) == nil {
		s.taken[number]++
		s.sent++
	}
}

// message is the one of that number: no JSON that means anything.
func message(number int) []byte {
	const begin, end = `{"padding": "`, `"}`
	return []byte(begin + strings.Repeat(".", firstLength+number-len(begin)-len(end)) + end)
}

// pause holds the stream back until it is resumed, and waits until the daemon
// takes notifications again.
func (s *stream) pause(ctx context.Context) (resume func(), err error) {
	s.mu.Lock()
	return s.mu.Unlock, sleep(ctx, streamPause)
}

// stop ends the stream. It may be called again.
func (s *stream) stop() {
	select {
	case <-s.quit:
	default:
		close(s.quit)
	}
	<-s.done
}
