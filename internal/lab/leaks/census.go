// Package leaks counts what the agent and its device hold, so that two countings
// in the same state show what was left behind between them: descriptors,
// goroutines, processes, routes, rules, interfaces and files.
package leaks

import (
	"fmt"
	"maps"
	"slices"
)

// kind is what an item is one of.
type kind string

const (
	descriptor kind = "descriptor"    // of the daemon
	goroutine  kind = "goroutine"     // of the daemon
	child      kind = "child process" // of the daemon, by the program's name
	process    kind = "process"       // on the device, by the program's name
	device     kind = "interface"     // of the device
	address    kind = "address"       // of the device
	route      kind = "route"         // of all tables
	rule       kind = "routing rule"  // of both families
	filter     kind = "nftables line" // of the whole rule set
	file       kind = "file"          // in the runtime and the state directory
	etc        kind = "file of /etc"  // that is not as the system was installed
	size       kind = "file size"     // of both directories, in steps
)

// counted are the kinds of which fewer is as good: what the daemon holds comes and
// goes with its work. All else must be neither more nor less.
var counted = [...]kind{descriptor, goroutine, child, process, size}

// Census is what is held at one time. The zero value holds nothing.
type Census struct {
	PID        int   // of the daemon, as the host sees it
	Goroutines int   // of the daemon
	Resident   int64 // memory of the daemon in RAM, in bytes; not compared

	held map[kind]map[string]int
}

// FDs returns how many descriptors the daemon holds.
func (c Census) FDs() int {
	n := 0
	for _, count := range c.held[descriptor] {
		n += count
	}
	return n
}

// add counts one more of an item.
func (c *Census) add(k kind, item string) { c.addN(k, item, 1) }

func (c *Census) addN(k kind, item string, n int) {
	if c.held == nil {
		c.held = map[kind]map[string]int{}
	}
	if c.held[k] == nil {
		c.held[k] = map[string]int{}
	}
	c.held[k][item] += n
}

// Diff returns a line for each thing that after has and c, the Census before, has
// not, and for what of the device's network and files is gone. No lines: no leak.
func (c Census) Diff(after Census) []string {
	var lines []string
	kinds := slices.Compact(slices.Sorted(slices.Values(slices.Concat(keys(c.held), keys(after.held)))))
	for _, k := range kinds {
		items := slices.Compact(slices.Sorted(slices.Values(slices.Concat(keys(c.held[k]), keys(after.held[k])))))
		for _, item := range items {
			had, has := c.held[k][item], after.held[k][item]
			if has > had || has < had && !slices.Contains(counted[:], k) {
				lines = append(lines, fmt.Sprintf("%s %s: %d, before %d", k, item, has, had))
			}
		}
	}
	return lines
}

func keys[K comparable, V any](m map[K]V) []K { return slices.Collect(maps.Keys(m)) }
