package mqtt

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"edgeagent/internal/status"
)

// broken says what the end of the connection with err means.
func (l *live) broken(err error) *fault {
	where := l.s.address.String()
	owed := l.conn.waitingFor()
	if alert := alertIn(err); alert != "" {
		return alertFault(where, alert, l.leaf)
	}
	switch {
	case closedByPeer(err) && owed.subscribes > 0:
		return &fault{
			reason: status.ReasonUnsubscribed,
			detail: fmt.Sprintf("%s: closed right after SUBSCRIBE to %s: the IoT policy does not allow it", where, l.s.notifyTopic()),
		}
	case closedByPeer(err) && owed.publishes > 0:
		l.s.muting.closed(time.Now())
		return &fault{
			reason: status.ReasonRefused,
			detail: fmt.Sprintf("%s: closed right after publishing to %s", where, l.s.o.MQTT.StatusTopic),
			hint:   "allow iot:Publish and iot:RetainPublish on the topic, or empty mqtt.status_topic.",
		}
	case closedByPeer(err):
		return &fault{
			state: status.Starting, reason: status.ReasonConnecting, byBroker: true,
			detail: fmt.Sprintf("%s closed the session after %s; connecting again", where, duration(l.lived())),
		}
	case timedOut(err):
		return noPing("%s: nothing could be sent for %s; last byte at %s", where, writeTimeout, l.lastByte())
	case errors.Is(err, syscall.ETIMEDOUT):
		return noPing("%s: what was sent is not acknowledged; last byte at %s", where, l.lastByte())
	}
	return unreachable("%s: %s", where, plain(err, writeTimeout))
}

func (l *live) lastByte() string { return l.conn.lastHeard().Format(time.TimeOnly) }

// leave ends the session in order: offline message, DISCONNECT, close, all
// within leaveTimeout whatever the path is like. Without a DISCONNECT, or when
// the offline message was not taken, the broker's last will says the same.
func (l *live) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if l.pub != nil {
		l.pub.stop(errOrderly, offlineTimeout)
	}
	if l.conn.waitingFor().publishes == 0 {
		l.disconnect(ctx)
	}
	l.drop()
}

// disconnect sends DISCONNECT and waits for the broker to close, as it must
// (MQTT 3.1.1, 3.14.4). Until then the packet may still be in this device's own
// queues, and the link that is to carry it is stopped next.
func (l *live) disconnect(ctx context.Context) {
	go l.conn.bye() // it ends with the write deadline or the connection
	select {
	case <-l.conn.dead:
	case <-ctx.Done():
	}
}

// drop ends the session without a word. Paho's goroutines end with the
// connection; its Disconnect collects them.
func (l *live) drop() {
	_ = l.conn.Close()
	if l.pub != nil {
		l.pub.cancel(context.Canceled)
	}
	l.client.Disconnect(uint(collectTimeout / time.Millisecond))
}
