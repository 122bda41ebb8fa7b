// Package faults breaks a running gateway in the lab, one fault at a time, with
// the daemon's default pace, and writes down what came of it: how long until
// `edgeagent status` named the cause, how long until all was well once the cause
// was lifted, and what was lost, doubled, leaked or sent in the open meanwhile.
package faults
