package fleet

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// pauses lets every attempt of c fail, each after took, and returns the seconds between.
func pauses(c Client, took time.Duration, n int) []float64 {
	var all []float64
	now := epoch
	for range n {
		now = now.Add(took)
		next := c.Unreached(now)
		all = append(all, next.Sub(now).Seconds())
		now = next
	}
	return all
}

func TestPahosPauses(t *testing.T) {
	want := []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600}
	if got := pauses(Paho(Dice{}), pahoConnect, len(want)); !slices.Equal(got, want) {
		t.Errorf("pauses %v, want %v", got, want)
	}
}

// A failure long after the last one is a first one again.
func TestPahoBeginsAnewAfterAWhile(t *testing.T) {
	c := Paho(Dice{})
	pauses(c, time.Second, 5) // the last is 16 s
	if next := c.Unreached(epoch.Add(time.Hour)); next.Sub(epoch) != time.Hour+pahoFirst {
		t.Errorf("pause %v", next.Sub(epoch)-time.Hour)
	}
}

func TestSDKsPauses(t *testing.T) {
	want := []float64{1, 2, 4, 8, 16, 32, 64, 128, 128}
	if got := pauses(AWSSDK(Dice{}), sdkConnect, len(want)); !slices.Equal(got, want) {
		t.Errorf("pauses %v, want %v", got, want)
	}
}

// What each client makes of outages around its keepalive.
func TestWhoNoticesAnOutage(t *testing.T) {
	tests := []struct {
		name   string
		new    func(Dice) Client
		outage time.Duration
		least  int // of 1000 that notice
		most   int
	}{
		{"paho", Paho, 10 * time.Second, 0, 0}, // a repetition comes before its patience ends
		{"paho", Paho, time.Minute, 1000, 1000},
		{"SDK", AWSSDK, time.Minute, 20, 90},
		{"SDK", AWSSDK, 10 * time.Minute, 440, 560},
		{"SDK", AWSSDK, time.Hour, 1000, 1000},
	}
	for _, tt := range tests {
		dice, lost := Dice{rand.New(rand.NewPCG(1, 1))}, 0
		for range 1000 {
			if at, ok := tt.new(dice).Lost(Outage{epoch, epoch.Add(tt.outage)}); ok {
				lost++
				if at.Before(epoch) {
					t.Fatalf("%s notices at %v, before the outage", tt.name, at)
				}
			}
		}
		if lost < tt.least || lost > tt.most {
			t.Errorf("%s, %v: %d of 1000 notice, want %d to %d", tt.name, tt.outage, lost, tt.least, tt.most)
		}
	}
}

func TestTCPRepeats(t *testing.T) {
	o := Outage{epoch, epoch.Add(10 * time.Second)}
	at := func(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }
	for sent, want := range map[float64]float64{-1: -1, 0: 12.6, 5: 11.2, 9.9: 10.1, 10: 10, 11: 11} {
		if got := delivered(at(sent), o); !got.Equal(at(want)) {
			t.Errorf("sent at %v s, delivered at %v s, want %v s", sent, got.Sub(epoch).Seconds(), want)
		}
	}
	tests := []struct {
		at, limit, want float64
		ok              bool
	}{{-1, 3, -1, true}, {10, 3, 10, true}, {8, 3.5, 11, true}, {8, 3, 0, false}, {4, 3, 0, false}, {4, 30, 11, true}, {0, 30, 15, true}}
	for _, tt := range tests {
		got, ok := reaches(at(tt.at), o, time.Duration(tt.limit*float64(time.Second)))
		if ok != tt.ok || ok && !got.Equal(at(tt.want)) {
			t.Errorf("begun at %v s with %v s to go: %v s, %v", tt.at, tt.limit, got.Sub(epoch).Seconds(), ok)
		}
	}
}
