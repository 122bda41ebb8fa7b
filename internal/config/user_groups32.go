//go:build arm || 386

package config

import "golang.org/x/sys/unix"

// sysSetgroups takes group ids of 32 bits; the older call has 16.
const sysSetgroups = unix.SYS_SETGROUPS32
