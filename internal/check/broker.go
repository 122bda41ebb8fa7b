package check

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/mqtt"
	"edgeagent/internal/status"
)

// trialSuffix makes another client id of the daemon's: with its own the check
// would end the daemon's session.
const trialSuffix = "-check"

// checkTLS completes TLS with the broker, certificates and dates verified.
func checkTLS(ctx context.Context, x *examination) outcome {
	gate, _ := clock.NewGate(x.o.Build, "")
	m := x.config.MQTT
	m.ClientID, m.PersistentSession, m.StatusTopic = m.ClientID+trialSuffix, false, ""
	trial := mqtt.New(mqtt.Options{
		MQTT: m, Endpoint: x.config.Endpoint, Thing: x.config.Device.Thing,
		Path: devicePath{x}, Notify: func(string, []byte) {}, Clock: gate, Log: discard(),
	}).Try()
	if f := trial.Dial(ctx); f != nil {
		trial.Close()
		if ctx.Err() != nil { // the session's own patience is longer
			return fault(say("tls.silent", trial.Address()), say("tls.silent.fix"))
		}
		return fault(stageSays(*f), stageHint(*f))
	}
	return ok(secured(trial.Address(), x.config.Endpoint.Host, trial.TLS())).
		learning(func(x *examination) {
			x.trial = trial
			x.ends = append(x.ends, trial.Close)
		})
}

// secured says what was agreed on: version, issuer, end of the certificate, and
// the protocol if one was negotiated (ALPN).
func secured(where, host string, s tls.ConnectionState) words {
	if len(s.PeerCertificates) == 0 {
		return plain(where)
	}
	leaf := s.PeerCertificates[0]
	issuer := cmp.Or(leaf.Issuer.CommonName, leaf.Issuer.String())
	said := say("tls.ok", where, tls.VersionName(s.Version), host, issuer, leaf.NotAfter.UTC().Format(time.DateOnly))
	if s.NegotiatedProtocol == "" {
		return said
	}
	return list{", ", []words{said, plain("ALPN " + s.NegotiatedProtocol)}}
}

// checkConnect sends CONNECT with a client id of its own, which a policy may
// well refuse although the daemon's is fine.
func checkConnect(ctx context.Context, x *examination) outcome {
	f := x.trial.Connect(ctx)
	if f != nil && ctx.Err() != nil {
		return fault(say("connect.silent", x.trial.Address()), say("connect.silent.fix"))
	}
	return judgeConnect(x, f)
}

// judgeConnect says what it means that the broker has refused, if it has. What is
// no refusal has nothing to do with the client id: TLS 1.3 tells only now that a
// certificate is not accepted.
func judgeConnect(x *examination, f *status.Finding) outcome {
	id := x.config.MQTT.ClientID + trialSuffix
	switch {
	case f == nil:
		return ok(say("connect.ok", id)).learning(func(x *examination) { x.connected = true })
	case f.Reason != status.ReasonRefused:
		return fault(stageSays(*f), stageHint(*f))
	}
	switch c, known := x.stage("broker"); {
	case known && c.State.Usable():
		return skipped(say("connect.second", id, plain(c.Detail)))
	case known && c.Reason == status.ReasonRefused: // its own id is refused as well
		return fault(stageSays(*f), stageHint(*f))
	}
	return warning(say("connect.refused", id, stageSays(*f)), say("connect.fix", stageHint(*f)))
}

// checkSubscribe asks for the topic on which tunnels are announced. A policy may
// allow it to the daemon's client id alone (${iot:ClientId} in its resources);
// then only the daemon knows.
func checkSubscribe(ctx context.Context, x *examination) outcome {
	switch {
	case !x.config.Tunnel.Enabled:
		return skipped(say("tunnel.disabled"))
	case !x.connected:
		return skipped(say("run.waits", "broker.connect"))
	}
	f := x.trial.Subscribe(ctx)
	if f != nil && ctx.Err() != nil {
		return fault(say("subscribe.silent", x.trial.Address()), say("connect.silent.fix"))
	}
	return judgeSubscribe(x, f)
}

// judgeSubscribe says what it means that the broker has refused, if it has.
func judgeSubscribe(x *examination, f *status.Finding) outcome {
	switch {
	case f == nil:
		return ok(plain("$aws/things/" + x.config.Device.Thing + "/tunnels/notify"))
	case f.Reason != status.ReasonUnsubscribed:
		return fault(stageSays(*f), stageHint(*f))
	}
	id := x.config.MQTT.ClientID + trialSuffix
	switch c, known := x.stage("broker"); {
	case known && c.State == status.OK:
		return skipped(say("subscribe.second", id))
	case known && c.Reason == status.ReasonUnsubscribed:
		return fault(stageSays(*f), stageHint(*f))
	}
	return warning(say("connect.refused", id, stageSays(*f)), say("connect.fix", stageHint(*f)))
}

// devicePath is the way to the broker through the link's device.
type devicePath struct{ x *examination }

func (p devicePath) Addresses() []netip.AddrPort {
	var list []netip.AddrPort
	for _, a := range p.x.addrs {
		list = append(list, netip.AddrPortFrom(a, p.x.config.Endpoint.Port))
	}
	return list
}

func (p devicePath) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	d := boundDialer(p.x.path.Device)
	return d.DialContext(ctx, "tcp4", to.String())
}
