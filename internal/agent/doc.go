// Package agent ties the stages of the private path together: the chain that
// starts, gates and stops them, the wiring between them, and the daemon's life
// under systemd.
package agent
