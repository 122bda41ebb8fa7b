package mqtt

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"edgeagent/internal/config"
)

// restarted is a Session as it is after a start of the daemon.
func restarted(file, clientID string, persistent bool) *Session {
	return New(Options{
		MQTT:     config.MQTT{ClientID: clientID, PersistentSession: persistent},
		Endpoint: config.Endpoint{Host: host}, KeptFile: file, Log: slog.New(slog.DiscardHandler),
	})
}

// patience is how many refusals it takes to CONNECT without persistence.
func refusalsUntilClean(s *Session) (n int) {
	for s.keep.ask() {
		s.policyFault(codeNotAuthorised, "refused")
		n++
	}
	return n
}

func TestRefusalsAfterARestartDoNotCostAKeptSession(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kept-session")
	accept := func(clientID string, persistent bool) {
		if !restarted(file, clientID, persistent).accepted() {
			t.Fatal("the session does not stay")
		}
	}
	want := func(what, clientID string, refusals int) {
		t.Helper()
		if n := refusalsUntilClean(restarted(file, clientID, true)); n != refusals {
			t.Errorf("%s: without persistence after %d refusals, want %d", what, n, refusals)
		}
	}
	want("nothing is known", "gw-042", cleanAfter)
	accept("gw-042", true)
	want("accepted before", "gw-042", cleanAfterKept)
	want("another client id", "gw-043", cleanAfter)
	accept("gw-043", true)
	want("its own", "gw-043", cleanAfterKept)
	accept("gw-043", false)
	want("ended by a session without persistence", "gw-043", cleanAfter)
}

func TestWhatIsGivenUpIsForgotten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kept-session")
	s := restarted(file, "gw-042", true)
	s.accepted()
	refusalsUntilClean(s)
	if s.accepted() {
		t.Fatal("a CONNECT that was only to find out stays")
	}
	if restarted(file, "gw-042", true).keep.kept {
		t.Error("a session that was ended is still taken for kept")
	}
	if s.accepted(); !restarted(file, "gw-042", true).keep.kept {
		t.Error("the session after it is not remembered")
	}
}

func TestADamagedFileIsWrittenAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kept-session")
	for _, data := range []string{"", "garbage", "gw-042 " + host} {
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		s := restarted(file, "gw-042", true)
		if s.keep.kept {
			t.Errorf("%q is believed", data)
		}
		if s.accepted(); !restarted(file, "gw-042", true).keep.kept {
			t.Errorf("%q is not written anew", data)
		}
	}
}

func TestWithoutAFileTheSessionWorks(t *testing.T) {
	for _, file := range []string{"", t.TempDir(), "/proc/none/kept-session"} {
		s := restarted(file, "gw-042", true)
		if !s.accepted() || s.keep.kept != true {
			t.Errorf("with %q as the file the session is not taken for kept", file)
		}
	}
}
