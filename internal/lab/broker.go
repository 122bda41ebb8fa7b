package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// StartBroker starts the broker behind the endpoint's name and waits until it
// accepts connections.
func (l *Lab) StartBroker(ctx context.Context) error {
	p, err := l.start(l.VPC, "mosquitto", "mosquitto", "-c", l.path("vpc", "mosquitto.conf"))
	if err != nil {
		return err
	}
	l.broker = p
	return l.waitTCP(ctx, p, l.VPC, netip.AddrPortFrom(BrokerAddrs[0], BrokerPort))
}

// StopBroker ends the broker: its port refuses from then on.
func (l *Lab) StopBroker() { l.broker.Kill() }

// FreezeBroker has the broker accept and answer nothing, while the kernel
// still accepts for it; false lets it go on.
func (l *Lab) FreezeBroker(on bool) {
	if on {
		l.broker.Signal(syscall.SIGSTOP)
	} else {
		l.broker.Signal(syscall.SIGCONT)
	}
}

// Publish publishes a message at QoS 1 from inside the VPC.
func (l *Lab) Publish(ctx context.Context, topic string, payload []byte) error {
	cmd := l.VPC.Command(ctx, "mosquitto_pub", "-h", "127.0.0.1", "-p", "1883", "-q", "1", "-t", topic, "-s")
	cmd.Stdin = strings.NewReader(string(payload))
	_, err := l.VPC.finish(cmd, l.VPC.Do)
	return err
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
