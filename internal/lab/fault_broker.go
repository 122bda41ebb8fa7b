package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"edgeagent/internal/lab/pki"
)

// RestartBroker ends the broker in order, as an update of it does, and starts
// it again.
func (l *Lab) RestartBroker(ctx context.Context) error {
	if m, ok := l.broker.(mosquitto); ok {
		m.process.Stop()
	} else {
		l.broker.stop()
	}
	return l.StartBroker(ctx)
}

// ResetBroker has something before the broker let connections begin and answer
// every further packet with a TCP reset.
func (l *Lab) ResetBroker(on bool) error {
	return l.atBroker("reset_broker", on, fmt.Sprintf(
		`iifname != "lo" tcp dport %d ct state established reject with tcp reset`, BrokerPort))
}

// BrokerAddrDead has packets to one of the broker's addresses vanish,
// established connections included.
func (l *Lab) BrokerAddrDead(addr netip.Addr, on bool) error {
	return l.atBroker("dead_"+strings.ReplaceAll(addr.String(), ".", "_"), on,
		fmt.Sprintf(`iifname != "lo" ip daddr %s tcp dport %d drop`, addr, BrokerPort))
}

// atBroker adds a table whose rules see what the VPC's machines take in, after
// the connections are told apart, or removes it.
func (l *Lab) atBroker(table string, on bool, rules string) error {
	if !on {
		return l.VPC.nft("delete table inet " + table)
	}
	return l.VPC.nft("table inet " + table + " {\n chain input {\n type filter hook input priority filter;\n " + rules + "\n }\n}")
}

// BrokerCert is a kind of certificate that the broker may have.
type BrokerCert string

// What certificate the broker may have.
const (
	CertGood    BrokerCert = "good"
	CertExpired BrokerCert = "expired" // it ended yesterday
	CertOtherCA BrokerCert = "other-ca"
)

// BrokerShows restarts the broker with another certificate. It knows the real
// broker only.
func (l *Lab) BrokerShows(ctx context.Context, kind BrokerCert) error {
	pair, err := l.brokerCert(kind)
	if err == nil {
		_, _, err = pair.Write(l.path("pki"), "broker")
	}
	if err != nil {
		return fmt.Errorf("changing the broker's certificate: %w", err)
	}
	return l.RestartBroker(ctx)
}

func (l *Lab) brokerCert(kind BrokerCert) (*pki.Pair, error) {
	switch kind {
	case CertGood:
		return l.certs.broker, nil
	case CertExpired:
		return l.certs.iotCA.Server(EndpointHost, pki.Expired())
	case CertOtherCA:
		other, err := pki.NewCA("Somebody Else's CA")
		if err != nil {
			return nil, err
		}
		return other.Server(EndpointHost)
	}
	return nil, fmt.Errorf("unknown kind %q", kind)
}

// StartRival starts a second device with this one's client id, certificate and
// subscription: the real mosquitto_sub, which comes back a second after each
// time that it is kicked out. Kill ends it.
func (l *Lab) StartRival() (*Process, error) {
	return l.start(l.VPC, "rival", "mosquitto_sub", "--host", BrokerAddrs[0].String(), "--port", fmt.Sprint(BrokerPort),
		"--cafile", l.path("pki", "iot-ca.crt"), "--cert", l.path("pki", "device.crt"), "--key", l.path("pki", "device.key"),
		"--insecure", // it dials the address, which no certificate is for
		"--id", Thing, "--disable-clean-session", "--qos", "1", "--topic", "$aws/things/"+Thing+"/tunnels/notify")
}

// Flood publishes n messages to the notify topic at QoS 1, as fast as the
// broker takes them, and waits until it has.
func (l *Lab) Flood(ctx context.Context, n int, message func(i int) string) error {
	var lines strings.Builder
	for i := range n {
		lines.WriteString(message(i) + "\n")
	}
	cmd := l.VPC.Command(ctx, "mosquitto_pub", "--host", "127.0.0.1", "--port", "1883", "--qos", "1",
		"--topic", "$aws/things/"+Thing+"/tunnels/notify", "--stdin-line")
	cmd.Stdin = strings.NewReader(lines.String())
	_, err := l.VPC.finish(cmd, l.VPC.Do)
	return err
}
