package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"edgeagent/internal/lab/awsiot"
)

// double is the stand-in for AWS IoT Core behind the endpoint's name.
type double struct{ *awsiot.Broker }

// startDouble starts the stand-in at every address of the real broker.
func (l *Lab) startDouble() error {
	cert, err := l.certs.broker.TLS()
	if err != nil {
		return fmt.Errorf("starting the broker double: %w", err)
	}
	var listeners []net.Listener
	for _, addr := range slices.Concat(BrokerAddrs, OtherAddrs) {
		listener, err := l.VPC.Listen(netip.AddrPortFrom(addr, BrokerPort).String())
		if err != nil {
			return fmt.Errorf("starting the broker double: %w", err)
		}
		listeners = append(listeners, listener)
	}
	log, err := os.OpenFile(l.BrokerLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("starting the broker double: %w", err)
	}
	l.atClose(func() { _ = log.Close() })
	l.AWS, err = awsiot.Start(context.Background(), awsiot.Options{
		Listeners: listeners, Quirks: *l.opts.AWSIoT, Traffic: log,
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: l.certs.iotCA.Pool(), MinVersion: tls.VersionTLS12},
	})
	if err != nil {
		return err
	}
	l.broker = double{l.AWS}
	l.atClose(l.AWS.Close)
	return nil
}

func (d double) stop()          { d.Close() }
func (d double) freeze(on bool) { d.Freeze(on) }

func (d double) publish(_ context.Context, topic string, payload []byte) error {
	return d.Publish(topic, payload, false)
}
