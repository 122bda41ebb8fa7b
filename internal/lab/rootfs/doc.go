// Package rootfs builds Debian root file systems with mmdebstrap, to be booted
// by tests. They are kept in a cache directory and built once; their mirror is
// the one that this machine's apt uses, and nothing else of this machine gets
// into them.
package rootfs
