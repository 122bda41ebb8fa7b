package lab

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// standby returns a lab with the SIM behind the VPN, and more in its configuration.
func standby(config ...map[string]string) Options {
	o := Options{Canal: CanalStandby, Config: map[string]string{}}
	for _, c := range config {
		for k, v := range c {
			o.Config[k] = v
		}
	}
	return o
}

// carriedBy is how the path was when a link carried it.
type carriedBy struct {
	status.Snapshot
	path, mqtt time.Duration // since the event, until the link and until all of it was usable
}

// waitCarried waits until a link carries the path and everything on it is usable.
// A link that is not the preferred one leaves the stage degraded.
func waitCarried(t *testing.T, a *Agent, since time.Time, link string) carriedBy {
	t.Helper()
	var c carriedBy
	err := Poll(within(t, agentTimeout), statusEvery, func() error {
		s, err := a.Peek(t.Context())
		if err != nil {
			return err
		}
		l, _ := s.Stage("link")
		if got := fmt.Sprint(l.Facts["link"]); got != link || !l.State.Usable() {
			return fmt.Errorf("the link is %s %s: %s", l.State, l.Reason, l.Detail)
		}
		if c.path == 0 {
			c.path = time.Since(since)
		}
		for _, stage := range s.Stages {
			if !stage.State.Usable() {
				return fmt.Errorf("%s is %s %s: %s", stage.Stage, stage.State, stage.Reason, stage.Detail)
			}
		}
		c.Snapshot, c.mqtt = s, time.Since(since)
		return nil
	})
	if err != nil {
		t.Fatalf("waiting for %s to carry: %v", link, err)
	}
	t.Logf("%s carries after %s, MQTT after %s", link, c.path.Round(time.Millisecond), c.mqtt.Round(time.Millisecond))
	return c
}

// waitReadyStandby waits until the SIM is known to be ready to take over.
func waitReadyStandby(t *testing.T, a *Agent) {
	t.Helper()
	_, err := a.Wait(within(t, agentTimeout), "link", "canal to stand by", func(c status.Condition) bool {
		return linkOf(c, "canal")["reason"] == string(status.ReasonStandby) && linkOf(c, "canal")["device"] != ""
	})
	must(t, err)
}

// linkOf is one of the links in the facts of the stage.
func linkOf(c status.Condition, name string) map[string]any {
	all, _ := c.Facts["links"].([]any)
	for _, l := range all {
		if m, _ := l.(map[string]any); m["name"] == name {
			return m
		}
	}
	return nil
}

// waysInto returns the devices by which routes into the VPC lead.
func waysInto(t *testing.T, l *Lab) string {
	t.Helper()
	out, err := l.Device.Run(t.Context(), "ip", "-4", "-o", "route", "show", "table", "all")
	must(t, err)
	seen := map[string]bool{}
	var ways []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if fields[0] == "local" || fields[0] == "broadcast" || fields[0] == "unreachable" {
			continue
		}
		to, err := netip.ParsePrefix(fields[0])
		if addr, addrErr := netip.ParseAddr(fields[0]); err != nil && addrErr == nil {
			to, err = addr.Prefix(addr.BitLen())
		}
		_, dev, ok := strings.Cut(line, " dev ")
		if err != nil || !ok || !vpcRange.Overlaps(to) {
			continue
		}
		if name := strings.Fields(dev)[0]; !seen[name] {
			seen[name] = true
			ways = append(ways, name)
		}
	}
	return strings.Join(ways, " ")
}

// chatter is another program on the device that sends to machines of the VPC all
// the time, however the path is, until the returned function is called. A packet
// of its that leaves in the open is one that the capture sees.
func chatter(t *testing.T, l *Lab) (stop func()) {
	t.Helper()
	conn, err := l.Device.ListenUDP("0.0.0.0:0")
	must(t, err)
	quit, done := make(chan struct{}), make(chan [2]int, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		var sent, refused int
		for {
			select {
			case <-tick.C:
				for _, to := range slices.Concat(BrokerAddrs, OtherAddrs) {
					if _, err := conn.WriteTo([]byte("chatter"), &net.UDPAddr{IP: to.AsSlice(), Port: 9}); err != nil {
						refused++
					} else {
						sent++
					}
				}
			case <-quit:
				done <- [2]int{sent, refused}
				return
			}
		}
	}()
	return func() {
		t.Helper()
		close(quit)
		n := <-done
		conn.Close()
		t.Logf("another program's packets to the VPC: %d sent, %d refused on this device", n[0], n[1])
		if n[0] == 0 {
			t.Error("it could send none")
		}
	}
}

// sessionsFrom counts the sessions that the device has opened at the broker from
// an address.
func sessionsFrom(t *testing.T, l *Lab, from string) int {
	t.Helper()
	data, err := os.ReadFile(l.path("log", "mosquitto.log"))
	must(t, err)
	return len(regexp.MustCompile(`New client connected from `+regexp.QuoteMeta(from)+`:\d+ as `+Thing+` `).FindAll(data, -1))
}

// stream publishes notifications at QoS 1 until the returned function is called,
// which waits until the device has acknowledged every one of them and returns how
// many there were. None is one that the device would open a tunnel for.
func stream(t *testing.T, l *Lab) (stop func() int) {
	t.Helper()
	cmd := l.VPC.Command(t.Context(), "mosquitto_pub", "-h", "127.0.0.1", "-p", "1883", "-q", "1",
		"-t", "$aws/things/"+Thing+"/tunnels/notify", "-l")
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, l.VPC.Start(cmd))
	quit, done := make(chan struct{}), make(chan int, 1)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				fmt.Fprintf(in, "{\"number\": %d}\n", n)
			case <-quit:
				in.Close()
				done <- n
				return
			}
		}
	}()
	return func() int {
		t.Helper()
		close(quit)
		sent := <-done
		// One that hangs after its last message has published it all the same.
		hung := time.AfterFunc(testTimeout, func() { cmd.Process.Kill() })
		if err := cmd.Wait(); hung.Stop() {
			must(t, err)
		}
		err := Poll(within(t, agentTimeout), 10*readyEvery, func() error {
			if given, taken := acknowledged(t, l); given != sent || taken != sent {
				return fmt.Errorf("of %d messages %d were given to the device and %d acknowledged by it", sent, given, taken)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return sent
	}
}

// acknowledged counts the messages that the broker has sent to the device and those
// that it has had acknowledged. One that is repeated keeps its number.
func acknowledged(t *testing.T, l *Lab) (given, taken int) {
	t.Helper()
	f, err := os.Open(l.path("log", "mosquitto.log"))
	must(t, err)
	defer f.Close()
	send := regexp.MustCompile(`Sending PUBLISH to ` + Thing + ` \(d\d, q1, r\d, m(\d+),`)
	ack := regexp.MustCompile(`Received PUBACK from ` + Thing + ` \(Mid: (\d+),`)
	sent, acked := map[string]bool{}, map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if m := send.FindStringSubmatch(lines.Text()); m != nil {
			sent[m[1]] = true
		} else if m := ack.FindStringSubmatch(lines.Text()); m != nil {
			acked[m[1]] = true
		}
	}
	must(t, lines.Err())
	return len(sent), len(acked)
}

// canalFirst makes the SIM the preferred link.
func canalFirst(t *testing.T, l *Lab) {
	t.Helper()
	data, err := os.ReadFile(l.ConfigFile())
	must(t, err)
	head, rest, ok := strings.Cut(string(data), "  - name: vpn\n")
	vpn, rest, ok2 := strings.Cut(rest, "  - name: canal\n")
	canal, tail, ok3 := strings.Cut(rest, "resolver:\n")
	if !ok || !ok2 || !ok3 {
		t.Fatal(errors.New("the configuration has another form"), string(data))
	}
	text := head + "  - name: canal\n" + canal + "  - name: vpn\n" + vpn + "resolver:\n" + tail
	must(t, os.WriteFile(l.ConfigFile(), []byte(text), 0o600))
}
