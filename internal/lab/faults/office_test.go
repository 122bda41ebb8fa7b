package faults

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// answering broker: it accepts a session and answers each PUBLISH by the function.
func brokerThat(t *testing.T, answer func(p *packets.PublishPacket) packets.ControlPacket) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		go func() {
			defer far.Close()
			for {
				p, err := packets.ReadPacket(far)
				if err != nil {
					return
				}
				reply := packets.NewControlPacket(packets.Connack)
				if publish, ok := p.(*packets.PublishPacket); ok {
					if reply = answer(publish); reply == nil {
						return
					}
				}
				if reply.Write(far) != nil {
					return
				}
			}
		}()
		return near, nil
	}
}

func ackOf(id uint16) packets.ControlPacket {
	ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	ack.MessageID = id
	return ack
}

func TestOfficeCountsWhatWasAcknowledged(t *testing.T) {
	taken := 0
	o := office{dial: brokerThat(t, func(p *packets.PublishPacket) packets.ControlPacket {
		taken++
		switch taken {
		case 2: // gone before it answers
			return nil
		case 4:
			return ackOf(p.MessageID + 1) // of another message
		}
		return ackOf(p.MessageID)
	})}
	defer o.close()
	for i, ok := range []bool{true, false, true, false, true} {
		if err := o.publish(t.Context(), "a/b", []byte("x")); (err == nil) != ok {
			t.Errorf("message %d: %v, want success: %t", i, err, ok)
		}
	}
}

func TestOfficeWithoutABroker(t *testing.T) {
	gone := errors.New("refused")
	o := office{dial: func(context.Context) (net.Conn, error) { return nil, gone }}
	if err := o.publish(t.Context(), "a/b", nil); !errors.Is(err, gone) {
		t.Errorf("%v, want %v", err, gone)
	}
}
