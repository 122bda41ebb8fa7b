package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// statusTopic takes the daemon's own messages at QoS 1: a retained one that is to
// tell the office how the device is.
const statusTopic = "edgeagent/" + lab.Thing + "/status"

// toldTime is how long the office may be behind: the daemon leaves 10 s between two
// messages, and sends the first of a session twice.
const toldTime = 30 * time.Second

// topicKey is what a row sets that wants another topic, or none.
const topicKey = "mqtt.status_topic"

// tells reports whether the daemon publishes its status in this row. The stand-in
// for AWS IoT Core has rules of its own for what may be published.
func (row Row) tells() bool {
	_, own := row.Options.Config[topicKey]
	return row.Options.AWSIoT == nil && !own
}

// telling are the row's options, with what all rows have.
func (row Row) telling() lab.Options {
	opts := row.Options
	opts.BrokerKeeps = opts.AWSIoT == nil
	if row.tells() {
		opts.Config = map[string]string{topicKey: statusTopic}
		maps.Copy(opts.Config, row.Options.Config)
	}
	return opts
}

// told waits until the office has been told what the daemon says of itself.
func (p *play) told(ctx context.Context) error {
	if !p.res.tells() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, toldTime)
	defer cancel()
	return lab.Poll(ctx, streamEvery, func() error {
		now, err := p.Agent.Peek(ctx)
		if err != nil {
			return err
		}
		out, err := p.VPC.Run(ctx, "mosquitto_sub", "-h", "127.0.0.1", "-p", "1883", "-q", "1", "-t", statusTopic, "-C", "1", "-W", "2")
		if err != nil {
			return err
		}
		var kept status.Snapshot
		if err := json.Unmarshal([]byte(out), &kept); err != nil {
			return err
		}
		return sameStates(kept, now)
	})
}

// sameStates compares the stages of two reports.
func sameStates(kept, now status.Snapshot) error {
	for _, c := range now.Stages {
		if k, ok := kept.Stage(c.Stage); !ok || k.State != c.State {
			return fmt.Errorf("%s is %s in the retained message, and %s", c.Stage, k.State, c.State)
		}
	}
	return nil
}
