// Package modem brings back a link that something else dials: over the D-Bus
// APIs of NetworkManager, ModemManager and systemd, and the kernel's USB tree.
//
// The daemon, which is not root, decides and asks (Rescue); what needs root is
// done by a helper that reads the root-owned configuration (Recover). Whatever
// this device lacks is left out, and said once.
package modem
