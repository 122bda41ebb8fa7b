//go:build !arm && !386

package config

import "golang.org/x/sys/unix"

const sysSetgroups = unix.SYS_SETGROUPS
