package metrics

import (
	"reflect"
	"time"

	"edgeagent/internal/status"
)

// states are those of a stage; one of them is 1.
var states = []status.State{status.Waiting, status.Starting, status.OK, status.Degraded, status.Down}

// families are all metrics. docs/metrics.md lists them; a test compares.
func families() []family {
	return []family{
		{"agent", info, "", "Version of the running agent and name of the device.", func(s status.Snapshot) []sample {
			return []sample{{map[string]string{"version": s.Version, "device": s.Device}, 1}}
		}},
		{"start_time_seconds", gauge, "seconds", "When the agent started, in seconds since 1970.", func(s status.Snapshot) []sample {
			return []sample{{nil, seconds(s.Started)}}
		}},
		{"up", gauge, "", "1 if the whole path is ok.", func(s status.Snapshot) []sample {
			return []sample{{nil, truth(s.State == status.OK)}}
		}},
		{"stage_state", gauge, "", "1 for the state that a stage is in.", eachState},
		{"stage_reason", gauge, "", "1 for the reason of a stage's state; the words are in docs/reasons.md.", eachStage(
			func(c status.Condition) []sample {
				return []sample{{map[string]string{"stage": c.Stage, "reason": string(c.Reason)}, 1}}
			})},
		{"stage_since_seconds", gauge, "seconds", "When a stage entered its state, in seconds since 1970.", eachStage(
			func(c status.Condition) []sample { return []sample{{stage(c), seconds(c.Since)}} })},
		{"stage_losses", counter, "", "How often a stage has left ok.", eachStage(
			func(c status.Condition) []sample { return []sample{{stage(c), float64(c.Losses)}} })},
		{"link", info, "", "The link that carries the path.", linkInfo},
		{"link_received_bytes", counter, "bytes", "Bytes that came in through the link's OpenVPN process.", figure("link", "bytes_in", 1)},
		{"link_sent_bytes", counter, "bytes", "Bytes that went out through the link's OpenVPN process.", figure("link", "bytes_out", 1)},
		{"link_agent_day_bytes", gauge, "bytes", "Bytes that the agent itself has spent on the link in 24 hours.", figure("link", "agent_bytes_day", 1)},
		{"link_probe_seconds", gauge, "seconds", "Round trip of the last probe through the link.", figure("link", "probe_rtt_ms", 1e-3)},
		{"link_ping_seconds", gauge, "seconds", "Interval of the pings that the VPN server pushed.", figure("link", "ping_s", 1)},
		{"dns_answer_seconds", gauge, "seconds", "Round trip of the last question to the VPC resolver.", figure("dns", "rtt_ms", 1e-3)},
		{"broker_connects", counter, "", "MQTT sessions that the broker has accepted.", figure("broker", "connects", 1)},
		{"broker_round_trip_seconds", gauge, "seconds", "Round trip of the last PINGREQ.", figure("broker", "rtt_ms", 1e-3)},
		{"tunnels", gauge, "", "Open tunnels.", tunnels},
		{"certificate_expiry_seconds", gauge, "seconds", "When the VPN certificate ends, in seconds since 1970.", expiry},
	}
}

func stage(c status.Condition) map[string]string { return map[string]string{"stage": c.Stage} }

// eachStage makes samples of every stage.
func eachStage(read func(c status.Condition) []sample) func(status.Snapshot) []sample {
	return func(s status.Snapshot) []sample {
		var all []sample
		for _, c := range s.Stages {
			all = append(all, read(c)...)
		}
		return all
	}
}

func eachState(s status.Snapshot) []sample {
	return eachStage(func(c status.Condition) []sample {
		var all []sample
		for _, state := range states {
			all = append(all, sample{map[string]string{"stage": c.Stage, "state": string(state)}, truth(c.State == state)})
		}
		return all
	})(s)
}

// figure is a number among a stage's facts, times factor; none while it is not
// known.
func figure(stage, key string, factor float64) func(status.Snapshot) []sample {
	return func(s status.Snapshot) []sample {
		c, _ := s.Stage(stage)
		n, ok := c.Facts.Number(key)
		if !ok {
			return nil
		}
		return []sample{{nil, n * factor}}
	}
}

func linkInfo(s status.Snapshot) []sample {
	c, _ := s.Stage("link")
	labels := map[string]string{}
	for _, key := range []string{"link", "type", "device"} {
		if v, ok := c.Facts[key].(string); ok {
			labels[key] = v
		}
	}
	if labels["link"] == "" {
		return nil
	}
	return []sample{{labels, 1}}
}

func tunnels(s status.Snapshot) []sample {
	c, _ := s.Stage("tunnel")
	open := reflect.ValueOf(c.Facts["open"]) // the stage's own type
	if open.Kind() != reflect.Slice {
		return nil
	}
	return []sample{{nil, float64(open.Len())}}
}

func expiry(s status.Snapshot) []sample {
	c, _ := s.Stage("link")
	text, _ := c.Facts["cert_expires"].(string)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil
	}
	return []sample{{map[string]string{"certificate": "vpn"}, seconds(at)}}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
