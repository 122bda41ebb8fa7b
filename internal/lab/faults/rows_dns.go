package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// What the dns stage may name.
var (
	dnsSilent   = []Want{{"dns", status.ReasonNoAnswer}}
	dnsFails    = []Want{{"dns", status.ReasonServerFailed}}
	dnsMissing  = []Want{{"dns", status.ReasonNXDomain}}
	dnsPublic   = []Want{{"dns", status.ReasonPublicAnswer}}
	dnsTrampled = []Want{{"dns", status.ReasonHostTrampled}}
)

// longOutage is longer than probe.hold and the time until the fault is noticed.
const longOutage = 150 * time.Second

// awsTTL is what Route 53 gives for the names of a VPC endpoint, in seconds.
const awsTTL = 60

// dnsRows are the faults of the dns stage.
func dnsRows() []Row {
	back := answering(lab.AnswerPrivate)
	return append([]Row{
		{Name: "VPC resolver dead", How: "SIGKILL of unbound, whose port then refuses", Soak: true,
			Inject: do(func(l *lab.Lab) error { l.StopResolver(); return nil }),
			Lift:   func(ctx context.Context, r *Rig) error { return r.StartResolver(ctx) }, Want: dnsSilent},
		{Name: "VPC resolver dead for long", How: "SIGKILL of unbound, for 2.5 min: longer than probe.hold, so that the session is ended as well",
			Options: lab.Options{TTL: awsTTL},
			Inject:  func(ctx context.Context, r *Rig) error { r.StopResolver(); return sleep(ctx, longOutage) },
			Lift:    func(ctx context.Context, r *Rig) error { return r.StartResolver(ctx) }, Want: dnsSilent},
		{Name: "VPC resolver filtered for long", How: "a security group drops port 53 for 2.5 min",
			Options: lab.Options{TTL: awsTTL},
			Inject: func(ctx context.Context, r *Rig) error {
				return errors.Join(r.BlackholeResolver(true), sleep(ctx, longOutage))
			},
			Lift: do(func(l *lab.Lab) error { return l.BlackholeResolver(false) }), Want: dnsSilent},
		{Name: "VPC resolver filtered", How: "a security group drops port 53", Soak: true,
			Inject: do(func(l *lab.Lab) error { return l.BlackholeResolver(true) }),
			Lift:   do(func(l *lab.Lab) error { return l.BlackholeResolver(false) }), Want: dnsSilent},
		{Name: "VPC resolver fails", How: "it answers SERVFAIL", Soak: true,
			Inject: answering(lab.AnswerServFail), Lift: back, Want: dnsFails},
		{Name: "record missing", How: "it answers NXDOMAIN", Soak: true,
			Inject: answering(lab.AnswerNXDomain), Lift: back, Want: dnsMissing},
		{Name: "public answer", How: "the private zone is gone: it gives the endpoint's eight public addresses", Soak: true,
			Inject: answering(lab.AnswerPublic), Lift: back, Want: dnsPublic},
		distorted("lying CNAME", "it answers that the endpoint's name is an alias of "+lab.OrdinaryHost+", which is public",
			lab.Distortion{Alias: lab.OrdinaryHost}, dnsPublic),
		distorted("VPC resolver slow, 2 s", "it answers after 2 s, over UDP and TCP", lab.Distortion{Delay: 2 * time.Second}, nil),
		distorted("VPC resolver slow, 6 s", "it answers after 6 s, over UDP and TCP", lab.Distortion{Delay: 6 * time.Second}, dnsSilent),
		distorted("answers truncated", "it sets the TC bit on every answer over UDP; TCP works", lab.Distortion{Truncate: true}, nil),
		distorted("answers truncated, TCP refused", "it sets the TC bit on every answer over UDP; TCP port 53 is closed",
			lab.Distortion{Truncate: true, RefuseTCP: true}, dnsFails),
	}, resolvConfRows()...)
}

// distorted is a row with a distortion between the device and the VPC resolver.
// One that is to be absorbed begins when the agent has got such an answer: a
// program asks, for it does not ask all the time itself.
func distorted(name, how string, d lab.Distortion, want []Want) Row {
	var between *lab.Distorter
	return Row{
		Name: name, How: how, Want: want, Soak: true,
		Inject: func(ctx context.Context, r *Rig) (err error) {
			between, err = r.DistortResolver(d)
			if err != nil || len(want) > 0 {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, DetectBound)
			defer cancel()
			// A name that nothing has cached; that there is none is an answer, too.
			_, _ = r.Device.Run(ctx, "getent", "ahostsv4", fmt.Sprintf("x%d.%s", time.Now().UnixNano(), lab.EndpointHost))
			return between.Answered(ctx)
		},
		Lift: func(context.Context, *Rig) error {
			if between == nil {
				return errNotInjected
			}
			return between.Restore()
		},
	}
}

// Shell lines that another program on the gateway might run.
const (
	trample = `echo 'nameserver 198.51.100.53' >/etc/resolv.conf.dhcp && mv /etc/resolv.conf.dhcp /etc/resolv.conf`
	// A link cannot be made immutable, so whoever wants that puts a file there.
	harden   = `echo 'nameserver 198.51.100.53' >/etc/resolv.conf.own && rm /etc/resolv.conf && mv /etc/resolv.conf.own /etc/resolv.conf && chattr +i /etc/resolv.conf`
	mountOwn = `echo 'nameserver 198.51.100.53' >/run/own.conf && rm /etc/resolv.conf && touch /etc/resolv.conf && mount --bind -o ro /run/own.conf /etc/resolv.conf`
)

// resolvConfRows are what other programs and people do to /etc/resolv.conf.
func resolvConfRows() []Row {
	return []Row{
		{Name: "resolv.conf trampled", How: "another program renames its own file over it", Soak: true, Passes: true,
			Inject: typed(trample), Want: dnsTrampled},
		{Name: "resolv.conf deleted", How: "`rm /etc/resolv.conf`", Soak: true, Passes: true,
			Inject: typed("rm /etc/resolv.conf"), Want: dnsTrampled},
		{Name: "resolv.conf a directory", How: "`rm /etc/resolv.conf; mkdir /etc/resolv.conf`", Soak: true,
			Inject: typed("rm /etc/resolv.conf && mkdir /etc/resolv.conf"), Lift: typed("rmdir /etc/resolv.conf"), Want: dnsTrampled},
		{Name: "resolv.conf immutable", How: "somebody's own file with `chattr +i`", Soak: true,
			Inject: hardened, Lift: typed("chattr -i /etc/resolv.conf"), Want: dnsTrampled},
		{Name: "resolv.conf mounted over", How: "a read-only bind mount of somebody's own file", Soak: true,
			Inject: typed(mountOwn), Lift: typed("umount /etc/resolv.conf"), Want: dnsTrampled},
	}
}

// hardened makes resolv.conf immutable, where the file system knows that.
func hardened(ctx context.Context, r *Rig) error {
	err := typed(harden)(ctx, r)
	if err != nil && (strings.Contains(err.Error(), "not supported") || strings.Contains(err.Error(), "Inappropriate ioctl")) {
		return fmt.Errorf("%w: %w", ErrLeftOut, err)
	}
	return err
}
