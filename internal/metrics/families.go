package metrics

import (
	"encoding/json"
	"reflect"
	"time"

	"edgeagent/internal/status"
)

// states are those of a stage; one of them is 1.
var states = []status.State{status.Waiting, status.Starting, status.OK, status.Degraded, status.Down}

// families are all metrics, p the process that serves them. docs/metrics.md lists them; a test compares.
func families(p Process) []family {
	return []family{
		{"agent", info, "", "Version of the running agent and name of the device.", func(s status.Snapshot) []sample {
			return []sample{{map[string]string{"version": s.Version, "device": s.Device}, 1}}
		}},
		{"start_time_seconds", gauge, "seconds", "When the agent started, in seconds since 1970.", func(s status.Snapshot) []sample {
			if s.Started.IsZero() {
				return nil // there is none
			}
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
		{"link_active", gauge, "", "1 for the link that carries the path, or is to.", eachLink(func(l link) float64 { return truth(l.Active) })},
		{"link_agent_day_bytes", gauge, "bytes", "Bytes that the agent itself has spent on a link in 24 hours.", eachLink(
			func(l link) float64 { return l.AgentBytesDay })},
		{"link_rungs", counter, "", "Steps of recovery tried for a link.", eachLink(func(l link) float64 { return l.Rungs })},
		{"link_recoveries", counter, "", "How often a link was lost and came back.", eachLink(func(l link) float64 { return l.Recoveries })},
		{"link_failovers", counter, "", "How often the path went from one link to another.", figure("link", "failovers", 1)},
		{"link_probe_seconds", gauge, "seconds", "Round trip of the last probe through the link.", figure("link", "probe_rtt_ms", 1e-3)},
		{"link_ping_seconds", gauge, "seconds", "Interval of the pings that the VPN server pushed.", figure("link", "ping_s", 1)},
		{"dns_answer_seconds", gauge, "seconds", "Round trip of the last question to the VPC resolver.", figure("dns", "rtt_ms", 1e-3)},
		{"broker_connects", counter, "", "MQTT sessions that the broker has accepted.", figure("broker", "connects", 1)},
		{"broker_round_trip_seconds", gauge, "seconds", "Round trip of the last PINGREQ.", figure("broker", "rtt_ms", 1e-3)},
		{"notifications_refused", counter, "", "Tunnel notifications that were not acted upon.", figure("tunnel", "refused", 1)},
		{"tunnels_opened", counter, "", "Tunnels that got through to their source.", figure("tunnel", "opened", 1)},
		{"tunnels_failed", counter, "", "Tunnels that a fault ended, or kept from opening.", figure("tunnel", "failed", 1)},
		{"tunnels", gauge, "", "Open tunnels.", tunnels},
		{"certificate_expiry_seconds", gauge, "seconds", "When a certificate ends, in seconds since 1970: the VPN client's, or the device's for the broker.", expiry},
		{"goroutines", gauge, "", "Goroutines of the daemon.", p.goroutines},
		{"open_fds", gauge, "", "File descriptors that the daemon holds.", p.fds},
		{"resident_memory_bytes", gauge, "bytes", "Memory of the daemon that is in RAM.", p.memory},
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

// link is an entry of the fact "links", as the stage's own type marshals.
type link struct {
	Name          string  `json:"name"`
	Active        bool    `json:"active"`
	AgentBytesDay float64 `json:"agent_bytes_day"`
	Rungs         float64 `json:"rungs"`
	Recoveries    float64 `json:"recoveries"`
}

// eachLink makes a sample of every link, also of those that do not carry. This
// package knows the stage by its JSON only.
func eachLink(read func(link) float64) func(status.Snapshot) []sample {
	return func(s status.Snapshot) []sample {
		c, _ := s.Stage("link")
		text, err := json.Marshal(c.Facts["links"])
		if err != nil {
			return nil
		}
		var links []link
		if json.Unmarshal(text, &links) != nil {
			return nil
		}
		var all []sample
		for _, l := range links {
			all = append(all, sample{map[string]string{"link": l.Name}, read(l)})
		}
		return all
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

// certificates are the stages that know of one, by its label.
var certificates = [...][2]string{{"vpn", "link"}, {"device", "broker"}}

func expiry(s status.Snapshot) []sample {
	var all []sample
	for _, pair := range certificates {
		c, _ := s.Stage(pair[1])
		text, _ := c.Facts["cert_expires"].(string)
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			all = append(all, sample{map[string]string{"certificate": pair[0]}, seconds(at)})
		}
	}
	return all
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
