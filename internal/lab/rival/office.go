package rival

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"edgeagent/internal/lab"
)

// How the observer works.
const (
	publishEvery   = 200 * time.Millisecond // the resolution of every recovery
	publishTimeout = 500 * time.Millisecond // of one message to be taken by the broker
	watchEvery     = 10 * time.Millisecond
)

// office publishes from inside the VPC, and learns from the broker's log when the
// device has acknowledged a message: the same observer for both stacks.
type office struct {
	lab    *lab.Lab
	client paho.Client
}

// reached publishes a QoS 1 message for the device every 200 ms until the device
// acknowledges one, and returns when that was.
func (o *office) reached(ctx context.Context) (time.Time, error) {
	// What was acknowledged before does not count.
	offset, err := o.logSize()
	if err != nil {
		return time.Time{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		o.publishing(ctx)
	}()
	defer func() { cancel(); <-stopped }()
	var at time.Time
	err = lab.Poll(ctx, watchEvery, func() error {
		text, err := o.logFrom(offset)
		if err == nil && !bytes.Contains(text, []byte("Received PUBACK from "+lab.Thing)) {
			err = fmt.Errorf("the device has acknowledged no message")
		}
		at = time.Now()
		return err
	})
	return at, err
}

// publishing publishes until ctx ends. A broker that is not there loses messages
// and nothing else.
func (o *office) publishing(ctx context.Context) {
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		if o.connect() {
			topic := "$aws/things/" + lab.Thing + "/tunnels/notify"
			o.client.Publish(topic, 1, false, fmt.Sprintf(`{"probe":%d}`, n)).WaitTimeout(publishTimeout)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// connect makes the office's session unless there is one.
func (o *office) connect() bool {
	if o.client != nil && o.client.IsConnectionOpen() {
		return true
	}
	o.close()
	// Without reconnects of its own: while the broker is away, each tick tries once.
	options := paho.NewClientOptions().AddBroker("tcp://127.0.0.1:1883").SetClientID("office").
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(publishTimeout).
		SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
			defer cancel()
			return o.lab.VPC.Dial(ctx, "tcp", u.Host)
		})
	o.client = paho.NewClient(options)
	return o.client.Connect().WaitTimeout(publishTimeout) && o.client.IsConnectionOpen()
}

func (o *office) close() {
	if o.client != nil {
		o.client.Disconnect(0)
	}
}

func (o *office) logFile() string { return filepath.Join(o.lab.Dir, "log", "mosquitto.log") }

func (o *office) logSize() (int64, error) {
	info, err := os.Stat(o.logFile())
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// logFrom reads what the broker has logged after offset.
func (o *office) logFrom(offset int64) ([]byte, error) {
	f, err := os.Open(o.logFile())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := f.Seek(offset, 0); err != nil {
		return nil, err
	}
	_, err = b.ReadFrom(f)
	return b.Bytes(), err
}
