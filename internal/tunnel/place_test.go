package tunnel

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

var public = netip.MustParseAddr("198.51.100.7")

// answer is what a resolver says.
type answer struct {
	addrs   []netip.Addr
	private bool
	err     error
}

// asking returns options in which the VPC says vpc, and counts the questions.
func asking(vpc answer, asked *int) Options {
	o := testOptions(&logBuffer{})
	o.Resolve = func(context.Context, string) ([]netip.Addr, bool, error) {
		*asked++
		return vpc.addrs, vpc.private, vpc.err
	}
	return o
}

func TestPlace(t *testing.T) {
	inside := answer{addrs: []netip.Addr{private}, private: true}
	outside := answer{addrs: []netip.Addr{public}}
	missing := answer{err: errNoName}
	for name, test := range map[string]struct {
		vpc    answer
		change func(*Options)
		want   place
		reason status.Reason // of the fault
		hint   string
	}{
		"private":               {vpc: inside, want: place{addrs: inside.addrs, device: "tun0"}},
		"private, public is ok": {vpc: inside, change: allowPublic, want: place{addrs: inside.addrs, device: "tun0"}},
		"public":                {vpc: outside, reason: status.ReasonRefused, hint: "tunnel.allow_public: true"},
		"public, and that is ok": {
			vpc: outside, change: allowPublic, want: place{addrs: outside.addrs},
		},
		"no such name": {
			vpc: missing, reason: status.ReasonNameMissing,
			hint: "com.amazonaws.ap-northeast-1.iot.tunneling.data in the VPC, and in the private hosted zone the record data.tunneling.iot.ap-northeast-1.amazonaws.com ",
		},
		"no such name, public is ok": {vpc: missing, change: allowPublic, want: place{addrs: outside.addrs}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			o := asking(test.vpc, &asked)
			o.LookupUplink = func(_ context.Context, host string) ([]netip.Addr, error) {
				if !o.Tunnel.AllowPublic {
					t.Errorf("the uplink is asked for %s", host)
				}
				return outside.addrs, nil
			}
			if test.change != nil {
				test.change(&o)
			}
			got, f := newLocator(o).find(context.Background())
			if f == nil {
				f = &fault{}
			}
			if !reflect.DeepEqual(got, test.want) || f.reason != test.reason || !strings.Contains(f.hint, test.hint) {
				t.Errorf("got %+v, fault %+v\nwant %+v, reason %q, hint with %q", got, f, test.want, test.reason, test.hint)
			}
			if asked != 1 {
				t.Errorf("asked %d times, an answer is final", asked)
			}
		})
	}
}

func allowPublic(o *Options) { o.Tunnel.AllowPublic = true }

// Silence is waited out, an answer after it is used, and there is an end.
func TestPlaceSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		o := asking(answer{}, &asked)
		began := time.Now()
		o.Resolve = func(ctx context.Context, _ string) ([]netip.Addr, bool, error) {
			if asked++; asked == 3 {
				return []netip.Addr{private}, true, nil
			}
			<-ctx.Done()
			return nil, false, ctx.Err()
		}
		l := newLocator(o)
		if p, f := l.find(context.Background()); f != nil || p.device != "tun0" {
			t.Errorf("got %+v, %v after %v", p, f, time.Since(began))
		}

		l.forget()
		asked, began = 3, time.Now()
		_, f := l.find(context.Background())
		if f == nil || f.reason != status.ReasonNoAnswer || !strings.Contains(f.detail, "data.tunneling") {
			t.Fatalf("after silence: %+v", f)
		}
		if took := time.Since(began); took < lookupWindow/2 || took > lookupWindow+lookupTimeout {
			t.Errorf("gave up after %v, want about %v", took, lookupWindow)
		}

		asked = 0
		o = asking(answer{err: errors.New("network is unreachable")}, &asked)
		if _, f := newLocator(o).find(context.Background()); f == nil || asked < 5 || asked > 10 {
			t.Errorf("asked %d times in %v though each answer came at once: %v", asked, lookupWindow, f)
		}
	})
}

// While the name is looked up the tunnel says so, which is no fault of the
// service's.
func TestStatusOfALookup(t *testing.T) {
	silent := func(ctx context.Context, _ string) ([]netip.Addr, bool, error) {
		<-ctx.Done()
		return nil, false, ctx.Err()
	}
	bubble(t, func(o *Options) { o.Resolve = silent }, func(r *rig) {
		r.notify("S1", "SSH")
		time.Sleep(lookupWindow - 2*lookupTimeout)
		if u := r.now(); u.State != status.OK || u.Detail != "SSH, connecting: looking up data.tunneling.iot.ap-northeast-1.amazonaws.com" {
			t.Errorf("while it is looked up: %+v", u)
		}
		time.Sleep(lookupWindow)
		if u := r.now(); u.State != status.Degraded || u.Reason != status.ReasonNoAnswer || len(r.List()) != 0 {
			t.Errorf("afterwards: %+v", u)
		}
	})
}

// A link that is gone for a moment is like silence, and an ended context ends it.
func TestPlaceNeedsDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, began := 0, time.Now()
		o := asking(answer{addrs: []netip.Addr{private}, private: true}, &asked)
		o.Device = func() string {
			if time.Since(began) < 2*time.Second {
				return ""
			}
			return "tun1"
		}
		l := newLocator(o)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if p, f := l.find(ctx); f == nil {
			t.Errorf("without a device: %+v", p)
		}
		if p, f := l.find(context.Background()); f != nil || p.device != "tun1" {
			t.Errorf("got %+v, %v", p, f)
		}
	})
}

// A private answer serves again for a while, for the same device only; a public
// one never.
func TestPlaceRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, device := 0, "tun0"
		o := asking(answer{addrs: []netip.Addr{private}, private: true}, &asked)
		o.Device = func() string { return device }
		l := newLocator(o)
		find := func(want int, why string) {
			t.Helper()
			if p, f := l.find(context.Background()); f != nil || p.device != device {
				t.Errorf("%s: got %+v, %v", why, p, f)
			}
			if asked != want {
				t.Errorf("%s: asked %d times so far, want %d", why, asked, want)
			}
		}
		find(1, "first")
		time.Sleep(placeTTL - time.Second)
		find(1, "soon after")
		device = "tun1"
		find(2, "on another device")
		time.Sleep(placeTTL + time.Second)
		find(3, "later")
		l.forget()
		find(4, "on a new path")

		asked = 0
		o = asking(answer{addrs: []netip.Addr{public}}, &asked)
		o.Device = func() string { return device }
		allowPublic(&o)
		l, device = newLocator(o), ""
		find(1, "public")
		find(2, "public again")
	})
}

// An external program looks the name up itself, so the OS must agree.
func TestPlaceOfExternalProgram(t *testing.T) {
	for name, test := range map[string]struct {
		os   answer
		want status.Reason
	}{
		"agrees":                       {os: answer{addrs: []netip.Addr{private}}},
		"agrees, as IPv6 writes it":    {os: answer{addrs: []netip.Addr{netip.AddrFrom16(private.As16())}}},
		"differs":                      {os: answer{addrs: []netip.Addr{public}}, want: status.ReasonRefused},
		"has a public address besides": {os: answer{addrs: []netip.Addr{private, public}}, want: status.ReasonRefused},
		"fails":                        {os: answer{err: errors.New("no such host")}, want: status.ReasonNoAnswer},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			o := asking(answer{addrs: []netip.Addr{private}, private: true}, &asked)
			o.Tunnel.Proxy = "/usr/bin/localproxy"
			o.LookupOS = func(context.Context, string) ([]netip.Addr, error) { return test.os.addrs, test.os.err }
			_, f := newLocator(o).find(context.Background())
			if f == nil {
				f = &fault{}
			}
			if f.reason != test.want {
				t.Errorf("%s: %+v, want reason %q", name, f, test.want)
			}
			o.Tunnel.Proxy = config.ProxyBuiltin
			if _, f := newLocator(o).find(context.Background()); f != nil {
				t.Errorf("%s: the built-in proxy is refused too: %v", name, f)
			}
		})
	}
}
