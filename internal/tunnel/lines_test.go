package tunnel

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadLines(t *testing.T) {
	input := "one\n\n" + strings.Repeat("x", 64) + "secret\ntwo\n" + strings.Repeat("y", 16) + "\nlast"
	var got []string
	readLines(iotest.OneByteReader(strings.NewReader(input)), 32, func(line []byte) { got = append(got, string(line)) })
	want := []string{"one", "", "two", strings.Repeat("y", 16), "last"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A line that is too long is dropped to its very end, wherever its pieces fall.
func TestReadLinesDropsEveryPiece(t *testing.T) {
	for n := range 200 {
		input := strings.Repeat("z", n) + "\nend\n"
		var got []string
		readLines(strings.NewReader(input), 32, func(line []byte) { got = append(got, string(line)) })
		want := []string{"end"}
		if n < 32 {
			want = []string{strings.Repeat("z", n), "end"}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("a line of %d bytes: got %q", n, got)
		}
	}
}

func TestReadEvents(t *testing.T) {
	var got []event
	readEvents(strings.NewReader(`{"event":"connected","channel_id":"c1","subprotocol":"aws.iot.securetunneling-3.0"}
not an event
{"event":7}
{"event":""}
{}
null
{"event":"bytes","in":18446744073709551615,"out":1}
{"event":"bytes","in":5,"out":9}
`+strings.Repeat("x", 2*maxEventLine)+`
{"event":"closed","reason":"torn`), func(e event) { got = append(got, e) })
	want := []event{{Event: "connected", ChannelID: "c1"}, {Event: "bytes", In: 5, Out: 9}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReferenceEvent(t *testing.T) {
	const head = "[2026-11-20T08:30:00.123456]{632}[info]    "
	for line, want := range map[string]event{
		head + "Successfully established websocket connection with proxy server: wss://data.tunneling.iot.ap-northeast-1.amazonaws.com:443": {Event: eventConnected},
		head + `Proxy server rejected web socket upgrade request: (HTTP/1.1 403 Forbidden) "nope"`:                                          {Event: eventClosed, Reason: "HTTP/1.1 403 Forbidden", Code: codeDenied},
		head + `Proxy server rejected web socket upgrade request: (HTTP/1.1 503 Service Unavailable) ""`:                                    {},
		head + "Proxy server rejected web socket upgrade request: (":                                                                        {},
		head + "Could not connect to proxy server":                                                                                          {},
		"": {},
	} {
		got, ok := referenceEvent(line)
		if got != want || ok != (want.Event != "") {
			t.Errorf("%q: %+v %v, want %+v", line, got, ok, want)
		}
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add([]byte("{\"event\":\"retry\",\"reason\":\"\xff\\u0000\",\"after_ms\":-1}\n{\"event\":\"bytes\",\"in\":-5,\"out\":3}"))
	f.Add([]byte("{\"event\":\"stream_closed\"}\n{\"event\":\"connected\"}\n{\"event\":\"closed\",\"code\":10}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &session{notification: notification{services: []string{"SSH"}}, creds: credentials{access: secret, client: "c"}}
		s.begin("")
		readEvents(strings.NewReader(string(data)), s.observe)
		tun := s.shown
		if tun.Connections < 0 || tun.Connections > maxConnections || tun.BytesIn < 0 || tun.BytesOut < 0 || len(tun.Detail) > 2*maxReason+maxService {
			t.Errorf("%+v", tun)
		}
		for _, r := range s.describe() {
			if r < ' ' || r > '~' {
				t.Errorf("unfit for a serial console: %q", s.describe())
			}
		}
	})
}
