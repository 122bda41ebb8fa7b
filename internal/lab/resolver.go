package lab

import (
	"context"
	"fmt"
	"net/netip"
)

// StartResolver starts the VPC resolver, answering privately, and waits until
// it does.
func (l *Lab) StartResolver(ctx context.Context) error {
	p, err := l.start(l.VPC, "unbound", "unbound", "-c", l.path("vpc", "unbound.conf"))
	if err != nil {
		return err
	}
	l.resolver = p
	return l.waitDNS(ctx, p, l.VPC, ResolverAddr, EndpointHost)
}

// StopResolver ends the VPC resolver: its port refuses from then on.
func (l *Lab) StopResolver() { l.resolver.Kill() }

// Answers is how the VPC resolver answers for the endpoint's name.
type Answers string

// What the VPC resolver may answer.
const (
	AnswerPrivate       Answers = "private"        // BrokerAddrs, as it should
	AnswerOthersPrivate Answers = "others-private" // OtherAddrs: the VPC endpoint was made anew
	AnswerPublic        Answers = "public"         // TrapAddrs: the private zone is gone
	AnswerNXDomain      Answers = "nxdomain"
	AnswerServFail      Answers = "servfail"
)

// ResolverAnswers changes how the VPC resolver answers for the endpoint's
// name. It may not be called while the resolver is stopped.
func (l *Lab) ResolverAnswers(ctx context.Context, how Answers) error {
	commands := map[Answers][][]string{
		AnswerPrivate:       append(l.replaceData(BrokerAddrs), l.zoneType("static"), []string{"forward_remove", EndpointHost}),
		AnswerOthersPrivate: append(l.replaceData(OtherAddrs), l.zoneType("static"), []string{"forward_remove", EndpointHost}),
		AnswerPublic:        {{"forward_remove", EndpointHost}, l.zoneType("always_transparent")},
		AnswerNXDomain:      {l.zoneType("always_nxdomain")},
		// A forwarder that it refuses to ask, being its own loopback.
		AnswerServFail: {{"forward_add", EndpointHost, "127.0.0.1"}, l.zoneType("always_transparent")},
	}[how]
	if commands == nil {
		return fmt.Errorf("changing the VPC resolver's answers: unknown way %q", how)
	}
	for _, args := range append(commands, []string{"flush", EndpointHost}) {
		args = append([]string{"-c", l.path("vpc", "unbound.conf")}, args...)
		if _, err := l.VPC.Run(ctx, "unbound-control", args...); err != nil {
			return err
		}
	}
	return nil
}

// zoneType changes the endpoint's zone in one step and keeps its data.
func (l *Lab) zoneType(kind string) []string {
	return []string{"local_zone", l.data().Zone, kind}
}

// replaceData gives the endpoint other addresses; in between it has none for a
// moment, as a record that is deleted and made anew.
func (l *Lab) replaceData(list []netip.Addr) [][]string {
	commands := [][]string{{"local_data_remove", EndpointHost}}
	for _, a := range list {
		commands = append(commands, []string{"local_data", EndpointHost, fmt.Sprint(l.opts.ttl()), "IN", "A", a.String()})
	}
	return commands
}
