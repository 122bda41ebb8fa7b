package faults

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/status"
)

// What the broker stage may name.
var (
	brokerAgain    = Want{"broker", status.ReasonConnecting} // the session ended and is being made anew
	brokerGone     = Want{"broker", status.ReasonUnreachable}
	brokerTLS      = Want{"broker", status.ReasonTLS}
	brokerSilent   = Want{"broker", status.ReasonNoPing}
	brokerRefuses  = Want{"broker", status.ReasonRefused}
	brokerTakeover = Want{"broker", status.ReasonTakenOver}
)

// connectQuota rules recovery where each attempt costs the broker a CONNECT or a
// handshake.
const connectQuota = "the account's quota of 500 CONNECT/s: with it in mind a fleet backs off by up to 2, 4, 8 s and so on"

// brokerRows are the faults of the broker stage.
func brokerRows() []Row {
	start := func(ctx context.Context, r *Rig) error { return r.StartBroker(ctx) }
	return []Row{
		{Name: "broker restarted", How: "SIGTERM of mosquitto, which starts again at once", Soak: true, Passes: true,
			Inject: func(ctx context.Context, r *Rig) error { return r.RestartBroker(ctx) }, Want: []Want{brokerAgain, brokerGone}},
		{Name: "broker killed", How: "SIGKILL of mosquitto", Soak: true,
			Inject: do(func(l *lab.Lab) error { l.StopBroker(); return nil }), Lift: start, Want: []Want{brokerGone}, World: connectQuota},
		{Name: "RST storm", How: "something before the broker resets every connection at its second packet", Soak: true,
			Inject: do(func(l *lab.Lab) error { return l.ResetBroker(true) }),
			Lift:   do(func(l *lab.Lab) error { return l.ResetBroker(false) }), Want: []Want{brokerTLS}, World: connectQuota},
		{Name: "broker half-open", How: "SIGSTOP of mosquitto: its kernel goes on to acknowledge, and no FIN ever comes",
			Inject: do(func(l *lab.Lab) error { l.FreezeBroker(true); return nil }),
			Lift:   do(func(l *lab.Lab) error { l.FreezeBroker(false); return nil }), Want: []Want{brokerSilent},
			World: "the keepalive: 230 s, the longest that AWS allows, then 10 s for the answer"},
		quirky("CONNACK 7", "the stand-in for AWS IoT Core ends the session and refuses every CONNECT with code 7",
			awsiot.Quirks{ConnackCode: 7}, brokerRefuses, connectQuota),
		quirky("slow CONNACK", "the stand-in for AWS IoT Core ends the session and answers CONNECT after 15 s",
			awsiot.Quirks{ConnackDelay: 15 * time.Second}, brokerGone,
			"the 15 s: a CONNECT that was given up is taken in by then, and throws out the session that came after it (MQTT 3.1.1, 3.1.4)"),
		takeover(),
		shows("broker's certificate of another CA", "the endpoint's name, signed by somebody else", lab.CertOtherCA),
		shows("broker's certificate expired", "it ended yesterday", lab.CertExpired),
		{Name: "endpoint moved", How: "the record gets other addresses, and packets to the old ones vanish for a while",
			Inject: moveEndpoint(true), Lift: moveEndpoint(false), Want: []Want{brokerAgain, brokerSilent},
			Stays: "10.0.30."}, // routes into the VPC, to what the record now says
		addressDead(),
	}
}

// quirky is a row with the stand-in for AWS IoT Core, which takes to a quirk
// when the session ends.
func quirky(name, how string, q awsiot.Quirks, want Want, world string) Row {
	return Row{
		Name: name, How: how, Options: lab.Options{AWSIoT: &awsiot.Quirks{}}, Want: []Want{want}, World: world,
		Inject: func(_ context.Context, r *Rig) error {
			r.AWS.Set(func(now *awsiot.Quirks) { *now = q })
			if !r.AWS.Kick(lab.Thing) {
				return fmt.Errorf("there is no session of %s", lab.Thing)
			}
			return nil
		},
		Lift: func(_ context.Context, r *Rig) error {
			r.AWS.Set(func(now *awsiot.Quirks) { *now = awsiot.Quirks{} })
			return nil
		},
	}
}

// takeover is a row with a second device that has this one's identity. The two
// cannot both have it, and messages go to whoever has: there is no stream.
func takeover() Row {
	var rival *lab.Process
	return Row{
		Name: "takeover fight", How: "mosquitto_sub with this device's client id and certificate, which comes back 1 s after each kick",
		Quiet: true, Soak: true, Want: []Want{brokerTakeover},
		Inject: func(_ context.Context, r *Rig) (err error) { rival, err = r.StartRival(); return err },
		Lift: func(context.Context, *Rig) error {
			if rival == nil {
				return errNotInjected
			}
			rival.Kill()
			return nil
		},
		World: "the other device: whoever comes back at once throws it out again, so this one waits 1 to 2 min",
	}
}

// shows is a row whose broker comes back with another certificate.
func shows(name, how string, kind lab.BrokerCert) Row {
	return Row{
		Name: name, How: how, Soak: true, Want: []Want{brokerTLS}, World: connectQuota,
		Inject: func(ctx context.Context, r *Rig) error { return r.BrokerShows(ctx, kind) },
		Lift:   func(ctx context.Context, r *Rig) error { return r.BrokerShows(ctx, lab.CertGood) },
	}
}

// moveEndpoint is what happens when an interface endpoint is made anew. Its record
// stays as it then is.
func moveEndpoint(dead bool) func(context.Context, *Rig) error {
	return func(ctx context.Context, r *Rig) error {
		for _, old := range lab.BrokerAddrs {
			if err := r.BrokerAddrDead(old, dead); err != nil {
				return err
			}
		}
		return r.ResolverAnswers(ctx, lab.AnswerOthersPrivate)
	}
}

// addressDead is a row in which one availability zone fails: the one that the
// session is in.
func addressDead() Row {
	var dead netip.Addr
	return Row{
		Name: "one of two addresses dead", How: "packets to the address that the session uses vanish", Soak: true,
		Want: []Want{brokerSilent, brokerAgain},
		Inject: func(ctx context.Context, r *Rig) error {
			dead = netip.Addr{}
			s, err := r.Agent.Peek(ctx)
			if err != nil {
				return err
			}
			c, _ := s.Stage("broker")
			used, _ := c.Facts["address"].(string)
			at, err := netip.ParseAddrPort(used)
			if err != nil {
				return fmt.Errorf("reading the session's address: %w", err)
			}
			dead = at.Addr()
			return r.BrokerAddrDead(dead, true)
		},
		After: func(_ context.Context, r *Rig) error {
			if !dead.IsValid() {
				return errNotInjected
			}
			return r.BrokerAddrDead(dead, false)
		},
	}
}
