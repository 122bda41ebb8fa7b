package localproxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Proxy is one destination proxy for one tunnel: a session at a time, a new one
// after each that was lost, until the service says that the tunnel is over.
type Proxy struct {
	cfg    Config
	locals *locals
	meter  *meter
	dial   func(context.Context) (*link, error)

	ever     bool // a session has stood
	orderly  bool // the last session was closed by the service in order
	failures int  // in a row
}

// New checks cfg. Its errors have the exit code ExitUsage.
func New(cfg Config) (*Proxy, error) {
	if err := cfg.complete(); err != nil {
		return nil, &ExitError{ExitUsage, err}
	}
	p := &Proxy{
		cfg:    cfg,
		locals: newLocals(cfg.Policy.MaxConnections),
		meter:  &meter{events: cfg.Events},
	}
	p.dial = p.cfg.dialService
	return p, nil
}

// errLifetime is the cause of a context that ends with Config.MaxLifetime.
var errLifetime = errors.New("the lifetime is over")

// Run connects, and connects again, until ctx ends, the service has closed the
// tunnel (both return nil), or it cannot go on: then it returns an *ExitError.
// It is to be called once.
func (p *Proxy) Run(ctx context.Context) error {
	if p.cfg.MaxLifetime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.cfg.MaxLifetime, errLifetime)
		defer cancel()
	}
	reason, err := p.loop(ctx)
	// Whatever the end: destinations get what was sent to them.
	p.locals.wait(p.cfg.Policy.StopLimit)
	p.meter.tell()
	if err != nil {
		reason = err.Error()
	}
	code := exitCode(err)
	p.cfg.Log.Info("the end", "reason", reason, "code", code)
	p.cfg.Events(Event{Event: EventClosed, Reason: reason, Code: &code})
	return err
}

// loop is Run without its ends. reason is told when err is nil. Why the last
// attempt failed matters only if nobody asked for the end.
func (p *Proxy) loop(ctx context.Context) (reason string, err error) {
	for {
		err := p.once(ctx)
		switch {
		case errors.Is(context.Cause(ctx), errLifetime):
			return "", &ExitError{ExitLifetime, errLifetime}
		case ctx.Err() != nil:
			return "asked to stop", nil
		}
		if p.finished(err) {
			return "the service closed the tunnel", nil
		}
		if exit := p.permanent(err); exit != nil {
			return "", exit
		}
		p.failures++
		if p.cfg.MaxRetries > 0 && p.failures > p.cfg.MaxRetries {
			return "", exitf(ExitRetries, "gave up after %d retries: %w", p.cfg.MaxRetries, err)
		}
		p.pause(ctx, err)
	}
}

// once connects and serves until the session ends; it returns why.
func (p *Proxy) once(ctx context.Context) error {
	l, err := p.dial(ctx)
	if err != nil {
		return err
	}
	p.ever = true
	p.cfg.Log.Info("connected to the service", "channel", l.accepted.channel, "subprotocol", l.accepted.subprotocol)
	p.cfg.Events(Event{Event: EventConnected, ChannelID: l.accepted.channel, Subprotocol: l.accepted.subprotocol})
	since := time.Now()
	err = newSession(&p.cfg, l, p.locals, p.meter).run(ctx)
	if time.Since(since) >= p.cfg.Policy.Settled {
		p.failures = 0
	}
	// AWS does not say how it closes a tunnel's WebSocket. A close in order may
	// as well be a server that is being replaced: so it is asked once more.
	var closed *closedError
	p.orderly = errors.As(err, &closed) && (closed.code == closeNormal || closed.code == closeNoStatus)
	return err
}

// finished reports whether err shows that the service has closed the tunnel:
// it closed the WebSocket in order and now refuses the token.
func (p *Proxy) finished(err error) bool {
	var status *statusError
	return p.orderly && errors.As(err, &status) && status.status/100 == 4
}

// permanent returns how the proxy ends if err is none to be tried again after.
// Once a session has stood, only the service's own word ends the proxy: names
// and certificates fail while the path is being changed, too.
func (p *Proxy) permanent(err error) *ExitError {
	var exit *ExitError
	var status *statusError
	switch {
	case errors.As(err, &exit):
		return exit
	case errors.As(err, &status) && status.status/100 == 4:
		return &ExitError{p.refusalCode(status.status), err}
	case errors.Is(err, errProtocol):
		return &ExitError{ExitProtocol, err}
	case p.ever:
		return nil
	case errors.Is(err, errWebProxy):
		return &ExitError{ExitWebProxy, err}
	case isNoName(err):
		return &ExitError{ExitName, err}
	case isBadCertificate(err):
		return &ExitError{ExitTLS, err}
	}
	return nil
}

// refusalCode tells a token that never worked from one that does not any more.
func (p *Proxy) refusalCode(status int) int {
	denied := status == http.StatusUnauthorized || status == http.StatusForbidden
	if denied && !p.ever {
		return ExitDenied
	}
	return ExitGone
}

// isNoName tells a name that does not exist from a resolver that failed.
func isNoName(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// isBadCertificate tells a certificate that was looked at and refused.
func isBadCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &authority) ||
		errors.As(err, &invalid) || errors.As(err, &host)
}

// pause waits for the next attempt.
func (p *Proxy) pause(ctx context.Context, cause error) {
	after := p.cfg.Policy.retryAfter(p.failures)
	ms := after.Milliseconds()
	p.cfg.Log.Warn("connecting again", "after", after.Round(time.Millisecond), "reason", cause)
	p.cfg.Events(Event{Event: EventRetry, Reason: fmt.Sprint(cause), AfterMS: &ms})
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
