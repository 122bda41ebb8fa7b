package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// officeID is the client id of the stream's publisher in the broker's log.
const officeID = "office"

// puback bounds the wait for one acknowledgement, and for a session to open.
const puback = 2 * time.Second

// office publishes at QoS 1, one message at a time: a publish that succeeded is
// one that the broker has taken. A client library would not do, for it tells its
// caller of success when a connection is lost.
type office struct {
	dial func(ctx context.Context) (net.Conn, error)
	conn net.Conn // nil: to be opened
	next uint16   // packet identifier
}

// publish returns nil after the broker's PUBACK. After an error the message may
// have been taken nevertheless. See MQTT 3.1.1, section 4.3.2.
func (o *office) publish(ctx context.Context, topic string, payload []byte) error {
	if err := o.open(ctx); err != nil {
		return fmt.Errorf("opening a session: %w", err)
	}
	err := o.exchange(topic, payload)
	if err != nil {
		o.close()
	}
	return err
}

// open connects unless it is connected.
func (o *office) open(ctx context.Context) (err error) {
	if o.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, puback)
	defer cancel()
	if o.conn, err = o.dial(ctx); err != nil {
		o.conn = nil
		return err
	}
	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion = "MQTT", 4
	hello.ClientIdentifier, hello.CleanSession = officeID, true
	answer, err := o.ask(hello)
	if ack, ok := answer.(*packets.ConnackPacket); err == nil && (!ok || ack.ReturnCode != packets.Accepted) {
		err = fmt.Errorf("the broker answers %v", answer)
	}
	if err != nil {
		o.close()
	}
	return err
}

func (o *office) exchange(topic string, payload []byte) error {
	if o.next++; o.next == 0 {
		o.next = 1 // 0 is no identifier
	}
	message := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	message.Qos, message.TopicName, message.Payload, message.MessageID = 1, topic, payload, o.next
	answer, err := o.ask(message)
	if err != nil {
		return err
	}
	if ack, ok := answer.(*packets.PubackPacket); !ok || ack.MessageID != o.next {
		return fmt.Errorf("the broker answers %v", answer)
	}
	return nil
}

// ask writes a packet and reads the one that answers it.
func (o *office) ask(p packets.ControlPacket) (packets.ControlPacket, error) {
	err := o.conn.SetDeadline(time.Now().Add(puback))
	if err = errors.Join(err, p.Write(o.conn)); err != nil {
		return nil, err
	}
	return packets.ReadPacket(o.conn)
}

func (o *office) close() {
	if o.conn != nil {
		o.conn.Close()
		o.conn = nil
	}
}
