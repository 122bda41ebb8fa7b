package fleet

import "time"

// Defaults of the AWS IoT Device SDK v2's MQTT 3.1.1 client: aws-c-mqtt,
// source/client.c (aws_mqtt_client_connection_new, s_attempt_reconnect), and its
// C++ binding's socket options (aws-crt-cpp, source/io/SocketOptions.cpp). The
// Python binding sets 5 s to 60 s instead of 1 s to 128 s. None has jitter.
// The MQTT 5 client, which has, is another one.
const (
	sdkKeepAlive = 1200 * time.Second // s_default_keep_alive_sec
	sdkPing      = 3 * time.Second    // s_default_ping_timeout_ns
	sdkFirst     = time.Second
	sdkMost      = 128 * time.Second
	sdkConnect   = 3 * time.Second
)

// awsSDK is a device whose program uses that SDK as it comes.
type awsSDK struct {
	dice Dice
	next time.Duration
}

// AWSSDK returns a client of the AWS IoT Device SDK v2's defaults. Its path comes
// back everywhere in the moment when the outage ends.
func AWSSDK(dice Dice) Client { return &awsSDK{dice: dice, next: sdkFirst} }

// Lost implements Client.
func (c *awsSDK) Lost(o Outage) (time.Time, bool) {
	at, lost := pingLost(o.From.Add(c.dice.Below(sdkKeepAlive)), o, sdkKeepAlive, sdkPing)
	return c.Unreached(at), lost
}

// Patience implements Client.
func (c *awsSDK) Patience() time.Duration { return sdkConnect }

// Unreached implements Client.
func (c *awsSDK) Unreached(now time.Time) time.Time {
	pause := c.next
	c.next = min(2*c.next, sdkMost)
	return now.Add(pause)
}

// Refused implements Client.
func (c *awsSDK) Refused(now time.Time) time.Time { return c.Unreached(now) }
