// Package fleet simulates what happens when many devices behind one VPC endpoint
// lose the path at once and come back: a queue of events, no network, no
// goroutines, the same outcome for the same seed.
//
// edgeagent's devices are paced by the daemon's own code (mqtt.Pace, and
// vpn.Absence with the link's judgement, ladder and back-off); other clients by
// models of what their libraries do by default, each in a file of its own.
package fleet

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"
)

// Outage is when nothing passes between the devices and the VPC.
type Outage struct {
	From, Back time.Time
}

// Client is one device's MQTT client. It has a session when the outage begins.
type Client interface {
	// Lost returns when the client first tries to connect again. It is false if
	// the session outlives the outage.
	Lost(Outage) (at time.Time, lost bool)
	// Patience is how long the client waits for a TCP connection.
	Patience() time.Duration
	// Unreached returns the time of the next attempt, after one that got no TCP
	// connection until now.
	Unreached(now time.Time) time.Time
	// Refused returns the time of the next attempt, after the endpoint has closed
	// the connection in answer to CONNECT.
	Refused(now time.Time) time.Time
}

// Dice are what a Client takes its randomness from.
type Dice struct{ source *rand.Rand }

// Below returns a time in [0, d), 0 if there is none.
func (d Dice) Below(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(d.source.Int64N(int64(limit)))
}

// Number returns one in [0, n).
func (d Dice) Number(n int) int { return d.source.IntN(n) }

// Storm is one simulation.
type Storm struct {
	Devices int
	Quota   int           // CONNECTs that the endpoint accepts in any one second
	Outage  time.Duration // how long the path is gone
	Seed    uint64
	// New makes the client of device i.
	New func(i int, dice Dice) Client
}

// The path once it is back.
const (
	// setupLeast and setupMost bound TCP and TLS 1.3 before CONNECT: three round
	// trips of a line between 50 and 150 ms.
	setupLeast, setupMost = 150 * time.Millisecond, 450 * time.Millisecond
	// horizon is how long after the outage the simulation ends at the latest.
	horizon = 48 * time.Hour
)

// epoch is when the outage begins, give or take a day at random: what a device does
// may depend on the wall clock.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// attempt is the next one of a device.
type attempt struct {
	at     time.Time
	device int
	sent   bool // connected: CONNECT reaches the endpoint at at
}

// attempts is a heap, the earliest first. The device breaks ties, so that the
// same seed gives the same order.
type attempts []attempt

func (a attempts) Len() int      { return len(a) }
func (a attempts) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a attempts) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].device < a[j].device
}

// Push implements heap.Interface.
func (a *attempts) Push(x any) { *a = append(*a, x.(attempt)) }

// Pop implements heap.Interface.
func (a *attempts) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// storm is a simulation that runs.
type storm struct {
	Storm
	outage   Outage
	dice     Dice
	clients  []Client
	queue    attempts
	endpoint *endpoint
	result   *Result
}

// Run simulates the storm until every device is back.
func (s Storm) Run() *Result {
	dice := Dice{rand.New(rand.NewPCG(s.Seed, uint64(s.Devices)))}
	from := epoch.Add(dice.Below(24 * time.Hour))
	run := &storm{
		Storm: s, outage: Outage{From: from, Back: from.Add(s.Outage)}, dice: dice,
		endpoint: newEndpoint(s.Quota), result: &Result{Devices: s.Devices, Quota: s.Quota, Outage: s.Outage},
	}
	for i := range s.Devices {
		c := s.New(i, dice)
		run.clients = append(run.clients, c)
		if at, lost := c.Lost(run.outage); lost {
			run.result.Lost++
			run.queue = append(run.queue, attempt{at: at, device: i})
		}
	}
	heap.Init(&run.queue)
	for len(run.queue) > 0 && run.queue[0].at.Before(run.outage.Back.Add(horizon)) {
		run.step(heap.Pop(&run.queue).(attempt))
	}
	slices.Sort(run.result.Back)
	return run.result
}

// step makes one attempt, or has its CONNECT answered.
func (s *storm) step(a attempt) {
	c := s.clients[a.device]
	if !a.sent {
		connected, ok := reaches(a.at, s.outage, c.Patience())
		if !ok {
			s.again(c.Unreached(a.at.Add(c.Patience())), a.device)
			return
		}
		a.at, a.sent = connected.Add(setupLeast+s.dice.Below(setupMost-setupLeast)), true
		heap.Push(&s.queue, a)
		return
	}
	since := a.at.Sub(s.outage.Back)
	s.result.Connects = append(s.result.Connects, since)
	if s.endpoint.accepts(a.at) {
		s.result.Back = append(s.result.Back, since)
		return
	}
	s.result.Refused++
	s.again(c.Refused(a.at), a.device)
}

func (s *storm) again(at time.Time, device int) {
	heap.Push(&s.queue, attempt{at: at, device: device})
}
