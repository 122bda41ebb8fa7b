package main

import (
	"fmt"
	"io/fs"
	"syscall"
)

// ownerOf is user id and group id.
func ownerOf(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "?:?"
	}
	return fmt.Sprintf("%d:%d", s.Uid, s.Gid)
}
