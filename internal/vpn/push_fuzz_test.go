package vpn

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever a server pushes: what is made of it are addresses that can be asked,
// times that can be waited for, and no more of it than was there.
func FuzzPush(f *testing.F) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if _, reply, ok := strings.Cut(line, pushPrefix); ok {
				f.Add(strings.TrimSpace(reply), "")
			}
		}
	}
	f.Add("PUSH_REPLY,dhcp-option DNS 10.0.0.2,push-continuation 2'", "PUSH_REPLY,dhcp-option DNS6 fd00::2,ping 1,push-continuation 1'")
	f.Add("PUSH_REPLY,dns server 1 address 10.0.0.2:53 [fd00::2]:53,route 10.0.0.0 255.255.0.0'", "PUSH_REPLY,redirect-gateway def1'")
	f.Fuzz(func(t *testing.T, first, second string) {
		var p pushed
		for _, reply := range []string{first, second} {
			before := p
			next, ok := parsePush(pushPrefix+reply, before)
			if !ok && strings.HasPrefix(reply, "PUSH_REPLY,") {
				t.Errorf("%q is no reply", reply)
			}
			if !before.more && ok && len(next.servers) > len(strings.Fields(reply)) {
				t.Errorf("%d servers of %q", len(next.servers), reply)
			}
			p = next
		}
		seen := map[string]bool{}
		for _, a := range p.servers {
			if !a.IsValid() || seen[a.String()] {
				t.Errorf("servers %v", p.servers)
			}
			seen[a.String()] = true
		}
		if p.ping < 0 || p.ping > (1<<31)*time.Second {
			t.Errorf("a ping each %s", p.ping)
		}
	})
}
