package localproxy

import "testing"

func TestNeedsNames(t *testing.T) {
	for _, tt := range []struct {
		addresses    []string
		destinations string
		want         bool
	}{
		{[]string{"10.0.6.110"}, "SSH=127.0.0.1:22,VNC=[::1]:5900,X=/run/x.sock", false},
		{nil, "SSH=127.0.0.1:22", true},
		{[]string{"10.0.6.110"}, "SSH=127.0.0.1:22,VNC=screen.lan:5900", true},
		{[]string{"10.0.6.110"}, "22", true}, // of localhost
	} {
		d, err := ParseDestinations(tt.destinations)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Config{Addresses: tt.addresses, Destinations: d}).NeedsNames(); got != tt.want {
			t.Errorf("%v, %s: %v, want %v", tt.addresses, tt.destinations, got, tt.want)
		}
	}
}
