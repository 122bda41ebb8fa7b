package mqtt

import (
	"context"
	"fmt"
	"time"
)

// publish starts the publisher of the status topic, if one is configured.
func (l *live) publish() {
	o := &l.s.o
	if o.MQTT.StatusTopic == "" {
		return
	}
	l.pub = &publisher{board: o.Board, offline: l.s.offline(), send: l.send, log: o.Log}
	l.pub.start(l.s.muting.until)
}

// send publishes to the status topic and waits for the PUBACK. It is called by
// one goroutine at a time.
func (l *live) send(ctx context.Context, payload []byte) error {
	topic := l.s.o.MQTT.StatusTopic
	if err := l.quota.admit(topic, payload, maxQoS, l.conn.waitingFor().publishes, time.Now()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pubackTimeout)
	defer cancel()
	token := l.client.Publish(topic, maxQoS, true, payload)
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return fmt.Errorf("waiting for the PUBACK on %s: %w", topic, ctx.Err())
	}
}

// unmute: the broker took a status message.
func (l *live) unmute() {
	muted := l.s.muting.closes > 0
	l.s.muting.taken()
	if muted {
		l.tell()
	}
}
