package bundle

import (
	"strings"
	"testing"
)

const planted = "S3cr3tV4lue9x"

// TestSecretsAreTakenOut: each line holds the planted value as somebody in the
// field would have written it.
func TestSecretsAreTakenOut(t *testing.T) {
	for _, line := range []string{
		"password=" + planted,
		"Password: " + planted,
		`{"clientAccessToken":"` + planted + `","region":"ap-northeast-1"}`,
		`{"clientAccessToken": "a\"` + planted + `"}`,
		"AWSIOT_TUNNEL_ACCESS_TOKEN=" + planted,
		"localproxy --access-token " + planted + " -d 22",
		"localproxy --access-token=" + planted,
		"802-11-wireless-security.psk:             " + planted,
		"gsm.password: " + planted,
		"gsm.pin-code = " + planted,
		"wpa_passphrase='" + planted + "'",
		"aws_secret_access_key = " + planted,
		"Authorization: Bearer " + planted,
		"Authorization: Basic " + planted,
		"access-token: " + planted,
		"https://tech:" + planted + "@proxy.example:3128/",
		"the password is " + planted,
		"token " + planted + " refused",
		"-----BEGIN RSA PRIVATE KEY-----\nMII" + planted + "\n-----END RSA PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\nMII" + planted + "\n(cut off here)",
		"<key>\n" + planted + "\n</key>",
		"<tls-auth>\n" + planted,
		"<auth-user-pass>\nuser\n" + planted + "\n</auth-user-pass>",
		"sasl: eyJhbGciOiJIUzI1NiJ9." + planted + ".x",
		"stray AQGAAXk2" + planted + "QmJ3Zz09aGVsbG8gd29ybGQ1Ng==",
		"# Wi-Fi のパスワード: " + planted,
		"パスワードは「" + planted + "」です",
		"現場の暗証番号は" + planted,
		"共有鍵=" + planted,
		"トークン「" + planted + "」を使用",
		"パスフレーズ:" + planted,
		"hex " + strings.Repeat("0f", 32) + planted[:0],
	} {
		got := string(newRedactor(nil).clean([]byte(line)))
		if strings.Contains(got, planted) || strings.Contains(got, strings.Repeat("0f", 32)) {
			t.Errorf("%q stays %q", line, got)
		}
		if !strings.Contains(got, hidden) {
			t.Errorf("%q became %q: nothing shows that something was taken out", line, got)
		}
	}
}

func TestKnownSecretsAreTakenOut(t *testing.T) {
	r := newRedactor([]string{"correct horse\nbattery staple\n", "1234", "correct horse battery"})
	got := string(r.clean([]byte("log: correct horse / battery staple / correct horse battery / 1234 packets")))
	if want := "log: [...] / [...] / [...] / 1234 packets"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTheRestStays: a bundle without words is of no use.
func TestTheRestStays(t *testing.T) {
	for _, line := range []string{
		"link is down no-answer: nothing from 203.0.113.10:443 since 08:30:12",
		"a1b2c3d4e5f6g7-ats.iot.ap-northeast-1.amazonaws.com. A IN",
		"cvpn-endpoint-0123456789abcdef0.prod.clientvpn.ap-northeast-1.amazonaws.com",
		"/sys/devices/platform/soc/3f980000.usb/usb1/1-1/1-1.2/1-1.2:1.0/net/wwan0",
		"/usr/lib/systemd/system/edgeagent.service",
		"10.0.6.105 dev tun0 proto 158 scope link",
		"edgeagent-resolver.service: Deactivated successfully.",
		"Nov 22 02:38:06 gw-042 edgeagent[123]: broker session client_id=gw-042 session_present=true",
		"----------------------------------------",
		"machine-id 0123456789abcdef0123456789abcdef",
		"usb 1-1.2: New USB device found, idVendor=2c7c, idProduct=0125, bcdDevice= 3.18",
		"tunnel.services: {SSH: \"127.0.0.1:22\"}",
		"秘密鍵を確認してください。証明書と秘密鍵の組み合わせが違います",
		"mqtt.key: /etc/edgeagent/certs/private.pem.key",
	} {
		if got := string(newRedactor(nil).clean([]byte(line))); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("password=x\n-----BEGIN PRIVATE KEY-----\nabc"))
	f.Add([]byte("<key>\nabc\n</key> https://a:b@c/"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newRedactor(nil)
		text := append(append([]byte{}, data...), "\npassword="+planted+"\n"...)
		if got := r.clean(text); strings.Contains(string(got), planted) {
			t.Errorf("%q stays in %q", planted, got)
		}
	})
}
