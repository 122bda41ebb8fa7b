package tunnel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const secret = "AQGAAXhPZm-not-a-real+token/0123456789=="

var testAccepts = accepts{region: "ap-northeast-1", services: map[string]string{
	"SSH": "127.0.0.1:22", "VNC": "127.0.0.1:5900",
}}

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		message  string
		services []string
	}{
		"as AWS sends it":      {`{"clientAccessToken":"T","clientMode":"destination","region":"ap-northeast-1","services":["SSH"]}`, []string{"SSH"}},
		"white space around":   {" \n" + `{ "clientAccessToken" : "T", "clientMode" : "destination", "region" : "ap-northeast-1", "services" : [ "SSH" ] }` + "\n", []string{"SSH"}},
		"two services":         {`{"services":["VNC","SSH"],"clientAccessToken":"T","clientMode":"destination","region":"ap-northeast-1"}`, []string{"VNC", "SSH"}},
		"an unknown field":     {`{"clientAccessToken":"T","clientMode":"destination","region":"ap-northeast-1","services":["SSH"],"tunnelId":{"a":[1,null]}}`, []string{"SSH"}},
		"a known field's case": {`{"clientAccessToken":"T","clientMode":"destination","region":"ap-northeast-1","services":["SSH"],"Services":["ROOT"]}`, []string{"SSH"}},
	} {
		n, f := testAccepts.parse([]byte(test.message))
		if f != nil {
			t.Errorf("%s: refused: %v", name, f)
			continue
		}
		if n.token != "T" || n.nameless || !slices.Equal(n.services, test.services) {
			t.Errorf("%s: %+v, want services %v", name, n, test.services)
		}
	}
}

func TestParseWithoutServices(t *testing.T) {
	one := accepts{region: "ap-northeast-1", services: map[string]string{"SSH": "127.0.0.1:22"}}
	for _, message := range []string{
		`{"clientAccessToken":"T","clientMode":"destination","region":"ap-northeast-1"}`,
		`{"clientAccessToken":"T","clientMode":"destination","region":"ap-northeast-1","services":[]}`,
	} {
		n, f := one.parse([]byte(message))
		if f != nil {
			t.Fatalf("%s: refused: %v", message, f)
		}
		if !n.nameless || !slices.Equal(n.services, []string{"SSH"}) {
			t.Errorf("%s: %+v, want the only service, nameless", message, n)
		}
		if _, f = testAccepts.parse([]byte(message)); f == nil || !strings.Contains(f.detail, "several to choose from: SSH, VNC") {
			t.Errorf("%s with two services configured: %v", message, f)
		}
	}
}

// Every refusal names its cause, and none has the token.
func TestParseRefuses(t *testing.T) {
	whole := func(token, mode, region, services string) string {
		return fmt.Sprintf(`{"clientAccessToken":%s,"clientMode":%s,"region":%s,"services":%s}`, token, mode, region, services)
	}
	const token, mode, region, services = `"` + secret + `"`, `"destination"`, `"ap-northeast-1"`, `["SSH"]`
	good := whole(token, mode, region, services)
	for _, test := range []struct{ message, want string }{
		{``, "not JSON"},
		{`hello`, "not JSON"},
		{`"` + secret + `"`, "not a JSON object"},
		{`[` + good + `]`, "not a JSON object"},
		{good[:len(good)-1], "not JSON"},
		{good + `x`, "something follows"},
		{good + good, "something follows"},
		{strings.Replace(good, "{", `{"region":"ap-northeast-1",`, 1), "a key stands twice"},
		{strings.Replace(good, "{", `{"regio\u006e":"ap-northeast-1",`, 1), "a key stands twice"},
		{strings.Replace(good, "{", `{"new":{"a":1,"a":2},`, 1), "a key stands twice"},
		{strings.Replace(good, "{", `{"new":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`,`, 1), "nested too deeply"},
		{strings.Replace(good, "SSH", "SS\xff", 1), "not JSON"},
		{`{"clientMode":"destination","region":"ap-northeast-1"}`, "clientAccessToken is missing"},
		{whole(`null`, mode, region, services), "clientAccessToken is not a string"},
		{whole(`7`, mode, region, services), "clientAccessToken is not a string"},
		{whole(`""`, mode, region, services), "clientAccessToken is empty"},
		{whole(`"a b"`, mode, region, services), "no token has"},
		{whole(`"a\nb"`, mode, region, services), "no token has"},
		{whole(`"a\u0000b"`, mode, region, services), "no token has"},
		{whole(`"t\u00f6ken"`, mode, region, services), "no token has"},
		{whole(`"`+strings.Repeat("x", maxToken+1)+`"`, mode, region, services), "longer than 3072 bytes"},
		{whole(token, `"source"`, region, services), `clientMode is "source"`},
		{whole(token, `["destination"]`, region, services), "clientMode is not a string"},
		{whole(token, mode, `"us-east-1"`, services), `in region "us-east-1", this device in ap-northeast-1`},
		{whole(token, mode, token, services), `in region "[token]"`},
		{whole(`"a\"b\\c"`, mode, `"a\"b\\c"`, services), `in region "[token]"`},
		{whole(`"`+strings.Repeat("L", 100)+`"`, mode, region, `["`+strings.Repeat("L", 100)+`"]`), `service "[token]"`},
		{whole(token, mode, `"`+strings.Repeat("r", 500)+`"`, services), strings.Repeat("r", maxQuoted) + "..."},
		{whole(token, mode, region, `null`), "services is not a list"},
		{whole(token, mode, region, `"SSH"`), "services is not a list"},
		{whole(token, mode, region, `["SSH",1]`), "not a string"},
		{whole(token, mode, region, `["SSH","SSH"]`), `"SSH" is named twice`},
		{whole(token, mode, region, `["TELNET"]`), `service "TELNET" is not in tunnel.services (SSH, VNC)`},
		{whole(token, mode, region, `["ssh"]`), `service "ssh" is not in tunnel.services`},
		{whole(token, mode, region, `["SSH=0.0.0.0:1,X"]`), "is not a service's name"},
		{whole(token, mode, region, `[""]`), "is not a service's name"},
		{whole(token, mode, region, `["`+strings.Repeat("s", 129)+`"]`), "is not a service's name"},
	} {
		n, f := testAccepts.parse([]byte(test.message))
		if f == nil {
			t.Errorf("%.80s: accepted as %+v", test.message, n)
			continue
		}
		if !strings.Contains(f.detail, test.want) || strings.Contains(f.detail, secret) {
			t.Errorf("%.80s:\n got %s\nwant %s", test.message, f.detail, test.want)
		}
	}
}

func TestKeyIgnoresOrder(t *testing.T) {
	a, b, c := notification{services: []string{"SSH", "VNC"}}, notification{services: []string{"VNC", "SSH"}}, notification{services: []string{"SSH"}}
	if a.key() != b.key() || a.key() == c.key() {
		t.Errorf("keys %q, %q, %q", a.key(), b.key(), c.key())
	}
}

func FuzzNotification(f *testing.F) {
	f.Add([]byte(`{"clientAccessToken":"T","clientMode":"destination","region":"ap-northeast-1","services":["SSH","VNC"]}`))
	f.Add([]byte(`{"clientAccessToken":"TOKEN-TOKEN","clientMode":"source","region":"TOKEN-TOKEN"}`))
	f.Add([]byte(`{"a":{"b":[{"c":null}]},"a":1}`))
	f.Add([]byte(`{"clientAccessToken":"\u0041\ud800","services":[[]]}`))
	f.Add([]byte("[[[[[[[[[[[[[[[[[[[["))
	f.Fuzz(func(t *testing.T, payload []byte) {
		n, refused := testAccepts.parse(payload)
		if refused != nil {
			if refused.detail == "" || len(refused.detail) > 500 || strings.ContainsAny(refused.detail, "\n\x00") {
				t.Errorf("a reason unfit for the log: %q", refused.detail)
			}
			if object, err := parseObject(payload); err == nil {
				token, _ := object["clientAccessToken"].(string)
				if validToken(token) && len(token) > 20 && strings.Contains(refused.detail, token) {
					t.Errorf("the token is in the reason %q", refused.detail)
				}
			}
			return
		}
		if !validToken(n.token) || len(n.services) == 0 {
			t.Errorf("accepted %+v", n)
		}
		for _, name := range n.services {
			if testAccepts.services[name] == "" {
				t.Errorf("accepted service %q", name)
			}
		}
	})
}

// validToken restates what may go into an HTTP header and the environment.
func validToken(token string) bool {
	for i := range len(token) {
		if token[i] < 0x21 || token[i] > 0x7e {
			return false
		}
	}
	return token != "" && len(token) <= maxToken
}
