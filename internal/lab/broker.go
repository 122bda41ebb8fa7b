package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// broker is what stands behind the endpoint's name.
type broker interface {
	stop()
	freeze(on bool)
	publish(ctx context.Context, topic string, payload []byte) error
}

// StartBroker starts the broker behind the endpoint's name and waits until it
// accepts connections.
func (l *Lab) StartBroker(ctx context.Context) error {
	if l.opts.AWSIoT != nil {
		return l.startDouble()
	}
	p, err := l.start(l.VPC, "mosquitto", "mosquitto", "-c", l.path("vpc", "mosquitto.conf"))
	if err != nil {
		return err
	}
	l.broker = mosquitto{process: p, node: l.VPC}
	return l.waitTCP(ctx, p, l.VPC, netip.AddrPortFrom(BrokerAddrs[0], BrokerPort))
}

// StopBroker ends the broker: its port refuses from then on.
func (l *Lab) StopBroker() { l.broker.stop() }

// FreezeBroker has the broker answer nothing; false lets it go on.
func (l *Lab) FreezeBroker(on bool) { l.broker.freeze(on) }

// Publish publishes a message at QoS 1 from inside the VPC.
func (l *Lab) Publish(ctx context.Context, topic string, payload []byte) error {
	return l.broker.publish(ctx, topic, payload)
}

// Notify publishes a tunnel notification for the device, as AWS IoT does.
func (l *Lab) Notify(ctx context.Context, token string, services ...string) error {
	payload, err := json.Marshal(map[string]any{
		"clientAccessToken": token, "clientMode": "destination", "region": Region, "services": services,
	})
	if err != nil {
		return fmt.Errorf("encoding a tunnel notification: %w", err)
	}
	return l.Publish(ctx, "$aws/things/"+Thing+"/tunnels/notify", payload)
}

// mosquitto is the real broker.
type mosquitto struct {
	process *Process
	node    *Node
}

func (m mosquitto) stop() { m.process.Kill() }

func (m mosquitto) freeze(on bool) {
	if on {
		m.process.Signal(syscall.SIGSTOP)
	} else {
		m.process.Signal(syscall.SIGCONT)
	}
}

// publish uses the listener that only the VPC itself reaches.
func (m mosquitto) publish(ctx context.Context, topic string, payload []byte) error {
	cmd := m.node.Command(ctx, "mosquitto_pub", "-h", "127.0.0.1", "-p", "1883", "-q", "1", "-t", topic, "-s")
	cmd.Stdin = strings.NewReader(string(payload))
	_, err := m.node.finish(cmd, m.node.Do)
	return err
}
