package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// setConfig replaces text in the device's configuration.
func setConfig(t *testing.T, l *Lab, old, text string) {
	t.Helper()
	data, err := os.ReadFile(l.ConfigFile())
	must(t, err)
	if !strings.Contains(string(data), old) {
		t.Fatalf("no %q in the configuration:\n%s", old, data)
	}
	must(t, os.WriteFile(l.ConfigFile(), []byte(strings.Replace(string(data), old, text, 1)), 0o600))
}

// waitStarted waits until an agent that started after since is ok.
func waitStarted(t *testing.T, a *Agent, since time.Time) status.Snapshot {
	t.Helper()
	var s status.Snapshot
	must(t, Poll(within(t, agentTimeout), statusEvery, func() (err error) {
		if s, err = a.Peek(t.Context()); err == nil && (!s.Started.After(since) || s.State != status.OK) {
			err = fmt.Errorf("the agent of %v is %s", s.Started, s.State)
		}
		return err
	}))
	return s
}

// TestReloadKeepsTunnelsAndVPN re-reads a configuration whose link and tunnels
// have not changed. The daemon has not ended: its count of losses goes on.
func TestReloadKeepsTunnelsAndVPN(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, Options{Config: bothServices(nil)})
	edgeagent(t, u.Lab, 0, "link", "restart")
	waitLosses(t, u.Agent, "link", 1)
	waitOK(t, u.Agent)
	serveVNC(t, u.Lab, flipper)
	session, vnc := openSSH(t, open(t, u.Lab, "SSH")), open(t, u.Lab, "VNC")
	endFlow := flow(t, dial(t, vnc, "VNC"))
	before, endControl := u.carried(t), u.watchControl(t)
	began := u.hup()
	s := waitStarted(t, u.Agent, began)
	longest, failed := endControl()
	t.Logf("SIGHUP to all ok: %s; longest answer of the control API: %s", time.Since(began).Round(time.Millisecond), longest.Round(time.Millisecond))
	session.say(t, "still here after the reload")
	t.Logf("%d bytes went through and back", endFlow())
	if after := u.carried(t); after != before || failed > 0 {
		t.Errorf("it was %+v, is %+v; %d questions without an answer", before, after, failed)
	}
	if n := stage(t, s, "link").Losses; n != 1 {
		t.Errorf("the link has been lost %d times, want once", n)
	}
	clean(t, u.Lab, "reloading")
}

// TestReloadEndsWhatHasChanged closes the tunnel whose service has another
// address now, and keeps the other one.
func TestReloadEndsWhatHasChanged(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, Options{Config: bothServices(nil)})
	serveVNC(t, u.Lab, flipper)
	session, vnc := openSSH(t, open(t, u.Lab, "SSH")), dial(t, open(t, u.Lab, "VNC"), "VNC")
	flipped(t, vnc, []byte("before"))
	setConfig(t, u.Lab, vncAddr, "127.0.0.1:5901")
	waitStarted(t, u.Agent, u.hup())
	waitList(t, u.Lab, "SSH's alone", func(list []listed) bool { return len(list) == 1 && list[0].Services[0] == "SSH" })
	session.say(t, "not my service")
	if u.logHas(t, "the configuration that it was opened under has changed") != 1 {
		t.Error("the log does not say why")
	}
}

// TestReloadWithAnotherLink starts OpenVPN anew and says why.
func TestReloadWithAnotherLink(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, Options{})
	before := u.carried(t)
	file := u.path("device", "client.ovpn")
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, append(text, "\n# another line\n"...), 0o600))
	began := u.hup()
	_, err = u.Wait(within(t, agentTimeout), "link", "OpenVPN to be started anew", func(c status.Condition) bool {
		return strings.Contains(c.Detail, "the link's configuration has changed")
	})
	must(t, err)
	waitStarted(t, u.Agent, began)
	only(t, u.Lab, "openvpn")
	if after := u.carried(t); after.openvpn == before.openvpn {
		t.Errorf("OpenVPN goes on as process %s", after.openvpn)
	}
	clean(t, u.Lab, "another link")
}

// TestUpgradeWhileStarting has nothing to keep yet, and comes up all the same.
func TestUpgradeWhileStarting(t *testing.T) {
	t.Parallel()
	u := prepareUpgradable(t, Options{})
	var err error
	u.Agent, err = u.Lab.StartAgent(u.bin)
	must(t, err)
	_, err = u.WaitStage(within(t, agentTimeout), "link", status.Starting, "")
	must(t, err)
	u.install(t, u.newer)
	u.hup()
	u.hup() // two at once are one
	u.waitVersion(t, newerVersion)
	only(t, u.Lab, "openvpn")
	clean(t, u.Lab, "upgrading while starting")
}

// TestKillAfterUpgrade ends the new program by SIGKILL at once: what it was to
// take over is no longer there for the next start.
func TestKillAfterUpgrade(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, Options{})
	open(t, u.Lab, "SSH")
	proxy := onlyProxy(t, u.Agent)
	u.install(t, u.newer)
	u.hup()
	must(t, Poll(within(t, agentTimeout), time.Millisecond, func() error {
		if strings.Contains(u.logText(t), "executing the new program") {
			return nil
		}
		return errors.New("it is not there yet")
	}))
	u.Kill()
	waitNoProcess(t, proxy)
	again, err := u.Lab.StartAgent(u.bin)
	must(t, err)
	waitOK(t, again)
	only(t, u.Lab, "openvpn")
	if v := snapshot(t, again).Version; v != newerVersion {
		t.Errorf("version %s runs", v)
	}
	again.Stop()
	if left := leftovers(t, u.Lab); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, "; "))
	}
	clean(t, u.Lab, "killed after an upgrade")
}

// TestStopWhileUpgrading stops everything, whenever SIGTERM comes.
func TestStopWhileUpgrading(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, Options{})
	open(t, u.Lab, "SSH")
	proxy := onlyProxy(t, u.Agent)
	u.install(t, u.newer)
	u.hup()
	must(t, Poll(within(t, agentTimeout), time.Millisecond, func() error {
		if strings.Contains(u.logText(t), "OpenVPN goes on") {
			return nil
		}
		return errors.New("it has not begun")
	}))
	u.Signal(syscall.SIGTERM)
	select {
	case <-u.Done():
	case <-within(t, testTimeout).Done():
		t.Fatalf("SIGTERM was lost\n%s", u.logText(t))
	}
	err := u.Err()
	waitNoProcess(t, proxy)
	if err != nil {
		// It came while the new program had no handler yet: as good as a kill.
		t.Logf("the agent ended with %v", err)
		return
	}
	if left := leftovers(t, u.Lab); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, "; "))
	}
}

// TestDowngradeToAnotherSchema hands over to a program that reads another form of
// the record: it clears everything away and starts afresh.
func TestDowngradeToAnotherSchema(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, Options{})
	tunnel := open(t, u.Lab, "SSH")
	before, proxy := u.carried(t), onlyProxy(t, u.Agent)
	older := filepath.Join(t.TempDir(), "older")
	must(t, Build(t.Context(), older, "-X main.version=0.0.1-older -X main.handoverSchema=0"))
	u.install(t, older)
	u.hup()
	u.waitVersion(t, "0.0.1-older")
	waitNoProcess(t, proxy)
	only(t, u.Lab, "openvpn")
	if after := u.carried(t); after.openvpn == before.openvpn {
		t.Error("an OpenVPN that could not be read about goes on")
	}
	if u.logHas(t, "starting afresh: ") != 1 {
		t.Error("the log does not say why")
	}
	must(t, tunnel.Close())
	clean(t, u.Lab, "downgrading")
}

// logHas counts the lines of the agent's log that hold text.
func (u *upgradeRig) logHas(t *testing.T, text string) int {
	t.Helper()
	return strings.Count(u.logText(t), text)
}
