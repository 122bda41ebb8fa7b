// Package soak lets a gateway live through a bad day in the lab: one agent, with a
// SIM behind the VPN, to which everything happens at random, one thing or two at a
// time, while messages at QoS 1 never stop. After each it must be well again by
// itself; at the end it must hold no more than it did after the first.
package soak
