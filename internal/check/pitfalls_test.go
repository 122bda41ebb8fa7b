package check

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"edgeagent/internal/config"
)

// awsFile is what AWS Client VPN gives for download, as far as it matters here.
const awsFile = "client\ndev tun\nproto udp\nremote cvpn-endpoint-0a1b.prod.clientvpn.ap-northeast-1.amazonaws.com 443\n" +
	"remote-random-hostname\nremote-cert-tls server\ncipher AES-256-GCM\n<ca>\ncomp-lzo\nfragment 1300\n</ca>\nreneg-sec 0\n"

func TestPitfalls(t *testing.T) {
	private := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	without := func(option string) string { return strings.Replace(awsFile, option+"\n", "", 1) }
	for name, tc := range map[string]struct{ text, want string }{
		"as from AWS":               {awsFile, ""},
		"with CR and a mark":        {"\ufeff" + strings.ReplaceAll(awsFile, "\n", "\r\n"), ""},
		"compression":               {awsFile + "comp-lzo\n", ":13: comp-lzo: AWS Client VPN does not compress"},
		"compression, longer":       {awsFile + "--compress lz4-v2\n", ":13: compress: AWS"},
		"compression, given up":     {awsFile + "compress migrate\n", ""},
		"commented out":             {awsFile + "# comp-lzo\n;fragment 1300\n", ""},
		"fragment":                  {awsFile + "fragment 1300\n", ":13: fragment: AWS"},
		"public DNS":                {awsFile + "dhcp-option DNS 8.8.8.8\n", ":13: dhcp-option DNS 8.8.8.8 is no address in the VPC"},
		"the VPC's DNS":             {awsFile + "dhcp-option DNS 10.0.0.2\n", ""},
		"a domain":                  {awsFile + "dhcp-option DOMAIN example.com\n", ""},
		"wide filter":               {awsFile + "pull-filter ignore \"route\"\n", ":13: pull-filter \"route\" also takes away route-gateway"},
		"narrow filter":             {awsFile + "pull-filter ignore \"route \"\n", ""},
		"filter with an exception":  {awsFile + "pull-filter accept \"route-gateway\"\npull-filter ignore \"route\"\n", ""},
		"DNS filtered":              {awsFile + "pull-filter ignore dhcp-option\n", "also takes away dhcp-option DNS"},
		"no random label":           {without("remote-random-hostname"), ":4: without remote-random-hostname"},
		"another server's name":     {"remote vpn.example 443\nremote-cert-tls server\n", ""},
		"anybody may be the server": {without("remote-cert-tls server"), ": no remote-cert-tls server: any client"},
	} {
		file := filepath.Join(t.TempDir(), "client.ovpn")
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := list{"\n", pitfalls(file, config.Config{Endpoint: config.Endpoint{PrivateCIDRs: private}})}.in(english())
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestProfileCheck: what works badly is a warning, what cannot work an error.
func TestProfileCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "client.ovpn")
	for text, want := range map[string]State{awsFile: OK, awsFile + "comp-lzo\n": Warning, awsFile + "comp-lzo\ndev tap\n": Error} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		x := newExamination(Options{})
		x.config.Links = []config.Link{{Name: "vpn", Type: config.LinkOpenVPN, Config: file}}
		if o := checkProfile(t.Context(), x); o.state != want {
			t.Errorf("%q: %s %s", text, o.state, o.finding.in(english()))
		}
	}
	if o := checkProfile(t.Context(), newExamination(Options{})); o.state != Skipped {
		t.Errorf("without a link: %+v", o)
	}
}

func FuzzDirectives(f *testing.F) {
	f.Add(awsFile)
	f.Add("<connection>\nremote a 1\n</connection>\n<key>\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		for _, d := range directives("f", text) {
			_, number, _ := strings.Cut(d.place, ":")
			if n, err := strconv.Atoi(number); err != nil || n < 1 || n > lines {
				t.Errorf("line %q of %d", number, lines)
			}
			_ = d.pitfall(nil)
		}
	})
}
