package vpn

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// step is one line of a transcript: what OpenVPN said, and when.
type step struct {
	at   time.Duration
	line string
}

var (
	timed    = regexp.MustCompile(`^ *(\d+\.\d+) ([<>#]) ?(.*)$`)
	exitCode = regexp.MustCompile(`^## exit code of openvpn: (\d+)`)
	stamped  = regexp.MustCompile(`^>(?:LOG|STATE):(\d{10}),`)
)

// readTranscript returns what OpenVPN said in a recorded session, and its exit
// code if it ended (-1: it did not). Two forms exist: with a time and a
// direction, and with OpenVPN's lines alone; there its own stamps give the time.
func readTranscript(t *testing.T, name string) (steps []step, code int) {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	code = -1
	first := int64(0)
	at := time.Duration(0)
	for _, text := range strings.Split(string(data), "\n") {
		if m := exitCode.FindStringSubmatch(text); m != nil {
			code, _ = strconv.Atoi(m[1])
			continue
		}
		line := text
		if m := timed.FindStringSubmatch(text); m != nil {
			if m[2] != "<" {
				continue
			}
			s, _ := strconv.ParseFloat(m[1], 64)
			at, line = time.Duration(s*float64(time.Second)), m[3]
		} else if m := stamped.FindStringSubmatch(text); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			if first == 0 {
				first = n
			}
			at = max(at, time.Duration(n-first)*time.Second)
		}
		steps = append(steps, step{at, line})
	}
	return steps, code
}

// What each recorded session must be told as. The recorded client released its
// holds itself, so that the states go on whatever the agent commands.
func TestTranscripts(t *testing.T) {
	const (
		up        = "ok connected"
		starting  = "starting connecting"
		noAnswer  = "down no-answer"
		reconnect = "down connecting"
		exited    = "down process-exited"
		noName    = "down no-name"
		auth      = "down auth-failed"
		server    = "down server-cert"
		rejected  = "down cert-rejected"
	)
	tests := map[string][]string{
		"01-connect":                              {starting, up},
		"02-sigusr1-dns-deadlock":                 {starting, noName},
		"03-sigusr1":                              {starting, up, reconnect, up},
		"04-ping-restart-blackhole":               {starting, noAnswer},
		"05-server-restart-push":                  {starting, noAnswer},
		"05b-server-client-kill-RESTART":          {starting, up, reconnect, up},
		"05c-server-client-kill-HALT":             {starting, "down server-halt"},
		"05d-server-stop-start":                   {starting, up, noAnswer},
		"06-sigterm-exit":                         {starting, exited},
		"07-auth-failed-cert-only":                {starting, auth},
		"07b-auth-failed-userpass":                {starting, "down bad-config"},
		"08-vpn-client-expired":                   {starting, "down cert-expired"},
		"08-vpn-client-rogue":                     {starting, rejected},
		"08b-server-cert-expired":                 {starting, server},
		"08c-wrong-server-name":                   {starting, server},
		"08d-client-cert-expires-while-connected": {starting, up},
		"09-resolve-fails":                        {starting, noName, up},
		"10-link-down-up":                         {starting, up, noAnswer, "down no-uplink", noName, up},
		"11a-mgmt-client-gone":                    {starting, up},
		"11b-mgmt-reattach":                       {starting},
		"11c-management-signal":                   {starting, up},
		"11d-management-signal-after":             {starting},
		"12-persist-tun-sigusr1":                  {starting, up, reconnect, up},
		"13-bad-option-log":                       {starting, "down bad-config"},
		"14-key-mismatch":                         {starting, rejected},
		"15-tun-open-fails":                       {starting, "down tun-unavailable"},
		"link-auth-failed-exit0":                  {starting, auth},
		"link-auth-failed-nointeract":             {starting, auth},
		"link-client-cert-not-yet-valid":          {starting, noAnswer, "down cert-not-yet-valid"},
		"link-connect-usr1-hup-silence":           {starting, up, reconnect, up, reconnect, up, noAnswer},
		"link-mgmt-reattach-hold":                 {starting, up},
		"link-no-server":                          {starting, noAnswer},
		"link-server-cert-not-yet-valid":          {starting, server},
		"link-server-halt-restart":                {starting, "down server-halt"},
		"link-server-restart-push":                {starting},
		"link-usr1-same-options-no-updown":        {starting, up, exited},
	}
	files, err := filepath.Glob("testdata/transcripts/*-*.txt")
	if err != nil || len(files) != len(tests) {
		t.Fatalf("%d transcripts and %d expectations, %v", len(files), len(tests), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := replay(t, file)
				// What goes on after the recording ended is not its subject.
				if want := tests[name]; len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
					t.Errorf("\n got %q\nwant %q", got, want)
				}
			})
		})
	}
}

// replay plays one session to a running link and returns what it reported.
func replay(t *testing.T, file string) []string {
	steps, code := readTranscript(t, file)
	w := newWorld(t)
	// A log without management lines is of a process that never came so far.
	managed := slices.ContainsFunc(steps, func(s step) bool { return strings.HasPrefix(s.line, ">") })
	w.engine.set(func(e *fakeEngine) { e.server, e.deaf = scripted, !managed })
	w.start()
	p := w.engine.current()
	var output []string
	for _, s := range steps {
		time.Sleep(s.at - time.Since(w.began))
		output = append(output, s.line)
		if m := parse(s.line); m.kind == state && m.state.name == "CONNECTED" {
			w.kernel.makeTun(m.state.local.String(), p.e.nextIndex(m.state.local.String()))
		}
		p.say(s.line)
		synctest.Wait()
	}
	if code >= 0 {
		p.end(exit{code: code, output: output})
	}
	return w.trail()
}
