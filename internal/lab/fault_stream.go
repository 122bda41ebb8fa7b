package lab

import (
	"context"
	"net"
)

// NotifyTopic is where the device expects its tunnels.
const NotifyTopic = "$aws/things/" + Thing + "/tunnels/notify"

// BrokerLog names the log of mosquitto, which has every packet in it.
func (l *Lab) BrokerLog() string {
	if l.opts.AWSIoT != nil {
		return l.path("log", "awsiot.log")
	}
	return l.path("log", "mosquitto.log")
}

// DialOffice connects to the broker's listener for the VPC's own machines. It
// serves no device.
func (l *Lab) DialOffice(ctx context.Context) (net.Conn, error) {
	return l.VPC.Dial(ctx, "tcp", "127.0.0.1:1883")
}
