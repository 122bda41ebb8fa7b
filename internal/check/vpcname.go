package check

import (
	"context"

	"edgeagent/internal/resolver"
	"edgeagent/internal/status"
)

// checkVPCName asks the VPC resolver, through the link, for the endpoint.
func checkVPCName(ctx context.Context, x *examination) outcome {
	c := x.config
	prober := resolver.NewProber(resolver.ProberOptions{Host: c.Endpoint.Host, Client: &resolver.Client{UDPTimeout: c.Probe.Timeout}, Log: discard()})
	_, _ = prober.Probe(ctx, x.path) // Last has it, the error included
	r := prober.Last()
	u := resolver.Diagnose(r, c.Resolver, c.Endpoint.Host, c.Endpoint.PrivateCIDRs)
	if u.State != status.OK {
		f := status.Finding{Stage: "dns", Reason: u.Reason, Detail: u.Detail, Hint: u.Hint}
		return fault(stageSays(f), stageHint(f))
	}
	return ok(say("vpc.ok", c.Endpoint.Host, texts(r.Addresses), r.Server, r.RTT.Milliseconds())).
		learning(func(x *examination) { x.addrs = r.Addresses })
}
