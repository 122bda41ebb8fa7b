package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// AWS IoT Core's limits.
// https://docs.aws.amazon.com/general/latest/gr/iot-core.html
const (
	maxClientIDBytes = 128
	maxTopicBytes    = 256
	maxTopicSlashes  = 7
	// maxFleet is ten VPC endpoints full of devices: a turn comes every 35 minutes.
	maxFleet = 1_000_000
)

var (
	thingName  = nameRule{also: ":_-", longest: 128}
	regionName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	})
)

// validate checks every value that could be read.
func (r *reader) validate(c Config) {
	r.identity(c.Device)
	r.links(c.Links)
	r.resolver(c)
	r.endpoint(c)
	r.mqtt(c.MQTT)
	r.tunnel(c.Tunnel)
	r.probe(c.Probe)
	r.recovery(c.Recovery)
	r.pages(c)
	r.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	r.oneOf("log.format", c.Log.Format, LogAuto, LogText, LogJSON)
}

// required notes a key without a value, and reports whether there is one.
func (r *reader) required(path, value, todo string) bool {
	switch {
	case value != "":
		return true
	case r.given(path):
		r.unfilled(path, "empty", todo)
	default:
		r.unfilled(path, "missing", todo)
	}
	return false
}

// oneOf refuses a word that is none of the choices.
func (r *reader) oneOf(path, got string, choices ...string) {
	if !slices.Contains(choices, got) {
		r.refuse(path, "not one of the choices", "write one of them")
	}
}

// between checks a number or duration against its limits, both accepted.
func between[T cmp.Ordered](r *reader, path string, got, least, most T) {
	switch {
	case got < least:
		r.refuse(path, "too small", fmt.Sprintf("write %v or more", plain(least)))
	case got > most:
		r.refuse(path, "too large", fmt.Sprintf("write %v or less", plain(most)))
	}
}

// plain shows a duration as people write it: 230s, 12h.
func plain(v any) string {
	d, ok := v.(time.Duration)
	switch {
	case !ok:
		return fmt.Sprint(v)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d > time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return d.String()
}

// identity checks who this device is to AWS.
// https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html
func (r *reader) identity(d Device) {
	if r.required("device.thing", d.Thing, "add the name under which the device is registered in AWS IoT") &&
		!thingName.accepts(d.Thing) {
		r.refuse("device.thing", "not a thing name", "write it as the AWS IoT console shows it")
	}
	if r.required("device.region", d.Region, "add the region of the IoT endpoint") && !regionName().MatchString(d.Region) {
		r.refuse("device.region", "not a region", "write the part of the endpoint's name between iot. and .amazonaws.com")
	}
}

// mqtt checks the session's settings against what AWS takes: it answers many a
// mistake by closing the connection without a word.
func (r *reader) mqtt(m MQTT) {
	r.path("mqtt.ca", m.CA, true)
	r.path("mqtt.cert", m.Cert, true)
	r.path("mqtt.key", m.Key, true)
	if len(m.ClientID) > maxClientIDBytes {
		r.fault("mqtt.client_id", fmt.Sprintf("found %d bytes", len(m.ClientID)), "shorten it")
	}
	between(r, "mqtt.keep_alive", m.KeepAlive, MinKeepAlive, MaxKeepAlive)
	if m.KeepAlive%time.Second != 0 {
		r.refuse("mqtt.keep_alive", "a fraction of a second", "write whole seconds")
	}
	between(r, "mqtt.fleet", m.Fleet, 0, maxFleet)
	r.topic("mqtt.status_topic", m.StatusTopic)
}

// topic checks a topic that the agent publishes to.
func (r *reader) topic(path, topic string) {
	if len(topic) > maxTopicBytes {
		r.fault(path, fmt.Sprintf("found %d bytes", len(topic)), "shorten it")
	}
	if n := strings.Count(topic, "/"); n > maxTopicSlashes {
		r.refuse(path, fmt.Sprintf("%d slashes", n), "use fewer levels")
	}
	if strings.ContainsAny(topic, "+#") {
		r.refuse(path, "with a wildcard", "write the topic in full")
	}
	if strings.HasPrefix(topic, "$") {
		r.refuse(path, "a reserved topic", "begin it with a word of your own")
	}
}

// probe keeps the link's checks between hammering a modem and noticing nothing.
func (r *reader) probe(p Probe) {
	between(r, "probe.interval", p.Interval, time.Second, time.Hour)
	between(r, "probe.suspect_interval", p.SuspectInterval, time.Second, time.Hour)
	if r.given("probe.suspect_interval") && p.SuspectInterval > p.Interval {
		r.refuse("probe.suspect_interval", "longer than probe.interval",
			fmt.Sprintf("write %s or less: a link in doubt is asked more often", plain(p.Interval)))
	}
	between(r, "probe.timeout", p.Timeout, 100*time.Millisecond, 30*time.Second)
	between(r, "probe.down_after", p.DownAfter, 1, 100)
	between(r, "probe.up_after", p.UpAfter, 1, 100)
	between(r, "probe.hold", p.Hold, 0, time.Hour)
}
