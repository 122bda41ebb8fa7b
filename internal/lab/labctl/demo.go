package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// demoLimit is how long the whole story may take.
const demoLimit = 90 * time.Second

// path is the chain in the order in which it comes up.
var path = []string{"link", "dns", "endpoint", "broker", "tunnel"}

// story is the demo as it is told.
type story struct {
	out   io.Writer
	bin   string
	begin time.Time
	lab   *lab.Lab
	agent *lab.Agent
}

// demo tells the agent's story in a lab of its own and takes everything down
// again, however it ends.
func demo(ctx context.Context, out io.Writer, bin string) error {
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	s := &story{out: out, bin: bin, begin: time.Now()}
	err := s.tell(ctx)
	if err != nil {
		s.explain()
	}
	if s.lab != nil {
		err = errors.Join(err, s.lab.Close())
	}
	if err != nil {
		return fmt.Errorf("the demo FAILED after %s: %w", since(s.begin), err)
	}
	return nil
}

// tell takes the steps in order and stops at the first that fails: what comes
// after it would only hide the cause.
func (s *story) tell(ctx context.Context) error {
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"A gateway, its site's uplink and a VPC, in network namespaces of this machine", s.raiseLab},
		{"The agent starts", s.startAgent},
		{"What a field tech sees: edgeagent status", s.screen},
		{"The office opens a tunnel: a notification over MQTT, then ssh through it", s.tunnel},
		{"The link is cut: every packet to and from the VPN server is dropped", s.cut},
		{"The link is back", s.restore},
		{"The end: edgeagent status", s.screen},
		{"The agent stops", s.stop},
		{"The verdict", s.verdict},
	} {
		fmt.Fprintf(s.out, "\n== %s  [%s]\n", step.title, since(s.begin))
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// say prints one indented line.
func (s *story) say(format string, args ...any) {
	fmt.Fprintf(s.out, "   "+format+"\n", args...)
}

// raiseLab brings the lab up.
func (s *story) raiseLab(ctx context.Context) (err error) {
	begin := time.Now()
	if s.lab, err = lab.Start(ctx, lab.Options{}); err != nil {
		return err
	}
	s.say("up after %s: openvpn server, unbound, mosquitto, tunneling service, sshd; all real", since(begin))
	s.say("the trap: the public DNS answers the endpoint's name too, and a broker there would take the device in")
	return nil
}

// startAgent runs the real program as it is shipped.
func (s *story) startAgent(ctx context.Context) (err error) {
	if s.agent, err = s.lab.StartAgent(s.bin); err != nil {
		return err
	}
	return s.follow(ctx, s.agent.Started)
}

// follow prints each stage as it becomes ok, with the time since begin.
func (s *story) follow(ctx context.Context, begin time.Time) error {
	for _, name := range path {
		c, err := s.agent.WaitStage(ctx, name, status.OK, "")
		if err != nil {
			return err
		}
		s.say("%6.2f s  %-8s ok  %s", time.Since(begin).Seconds(), name, c.Detail)
	}
	return nil
}

// screen shows what a person on the device would see.
func (s *story) screen(ctx context.Context) error {
	text, err := s.agent.Screen(ctx)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		s.say("  %s", line)
	}
	return nil
}

// tunnel opens one the way the office does and runs a real ssh through it.
func (s *story) tunnel(ctx context.Context) error {
	t, err := s.lab.OpenTunnel(ctx, "SSH")
	if err != nil {
		return err
	}
	defer t.Close()
	s.say("%d ms from the notification to the proxy's connection", t.Connected.Sub(t.Notified).Milliseconds())
	const command = "hostname; cat /etc/resolv.conf"
	s.say("$ ssh root@%s '%s'", lab.Thing, command)
	out, err := t.SSH(ctx, command)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		s.say("  %s", line)
	}
	if !strings.HasPrefix(out, lab.Thing+"\n") {
		return fmt.Errorf("ssh reached %q, not %s", out, lab.Thing)
	}
	return nil
}

// cut drops the link and waits until status says so.
func (s *story) cut(ctx context.Context) error {
	begin := time.Now()
	if err := s.lab.BlackholeVPN(true); err != nil {
		return err
	}
	c, err := s.agent.Wait(ctx, "link", "the link to be lost", func(c status.Condition) bool { return c.State == status.Down })
	if err != nil {
		return err
	}
	s.say("status says so after %s: %s", since(begin), c.Reason)
	return s.screen(ctx)
}

// restore lifts the drop; nobody helps the agent.
func (s *story) restore(ctx context.Context) error {
	begin := time.Now()
	if err := s.lab.BlackholeVPN(false); err != nil {
		return err
	}
	if err := s.follow(ctx, begin); err != nil {
		return err
	}
	s.say("all is well again after %s, nobody touched anything", since(begin))
	return nil
}

// stop ends the agent as systemd does, which must give the device its DNS back.
func (s *story) stop(context.Context) error {
	took := s.agent.Stop()
	if err := s.agent.Err(); err != nil {
		return fmt.Errorf("the agent did not end well: %w", err)
	}
	text, err := s.lab.Device.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	s.say("ended in %d ms; /etc/resolv.conf is the site's again:", took.Milliseconds())
	for line := range strings.Lines(text) {
		s.say("  %s", strings.TrimSpace(line))
	}
	return nil
}

// verdict reads the capture of everything the device has sent, and shows that
// the capture was awake by asking for a private name in the open on purpose.
func (s *story) verdict(ctx context.Context) error {
	r, err := s.lab.Capture.Report(ctx)
	if err != nil {
		return err
	}
	s.say("%s", r)
	if !r.Clean() {
		return errors.New("the device has talked in the open")
	}
	if _, err := s.lab.Device.Resolve(ctx, lab.PublicDNS, lab.EndpointHost); err != nil {
		return err
	}
	// A capture that sees nothing would call every agent private.
	control, err := s.lab.Capture.Report(ctx)
	if err != nil {
		return err
	}
	if control.Clean() {
		return errors.New("the capture is blind: it did not count a query made on purpose")
	}
	s.say("(and one that was made on purpose just now, to show that they are counted)")
	fmt.Fprintf(s.out, "\nOK: private path up, tunnel used, link lost and found, 0 packets in the open, in %s\n", since(s.begin))
	return nil
}

// explain prints what is known when a step has failed.
func (s *story) explain() {
	if s.agent == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.screen(ctx); err != nil {
		s.say("no status: %v", err)
	}
	log, err := os.ReadFile(s.agent.Log)
	if err != nil {
		s.say("no log: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	s.say("the agent's last words:\n%s", strings.Join(lines[max(0, len(lines)-20):], "\n"))
}
