package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// advice is what is wrong with a file, and what to do about it.
type advice struct {
	found, todo string
	commands    []string
}

// step is a directory on the way to a file, or the file itself.
type step struct {
	path     string
	dir      bool
	uid, gid int
	mode     fs.FileMode
}

// String shows who owns the step and what it allows, as ls and chmod write it.
func (s step) String() string {
	return fmt.Sprintf("%s:%s, mode %04o", userName(s.uid), groupName(s.gid), s.mode.Perm())
}

// Bits of a mode for others; those of the group and the owner are 3 and 6 bits
// further left.
const (
	mayRead   = 0o4
	mayChange = 0o2
	mayEnter  = 0o1
)

// lets reports whether the mode lets u read a file, or enter a directory.
func (s step) lets(u User) bool {
	bit := fs.FileMode(mayRead)
	if s.dir {
		bit = mayEnter
	}
	switch {
	case u.UID == 0:
		return true
	case s.uid == u.UID:
		bit <<= 6
	case u.in(s.gid):
		bit <<= 3
	}
	return s.mode&bit != 0
}

// blame returns the first step that u may not take.
func blame(way []step, u User) (step, bool) {
	for _, s := range way {
		if !s.lets(u) {
			return s, true
		}
	}
	return step{}, false
}

// wayTo returns the steps to a file, from the root directory on, as far as this
// process can see.
func wayTo(file string) []step {
	var way []step
	for path := "/"; ; {
		info, err := os.Stat(path)
		if err != nil {
			return way
		}
		way = append(way, stepOf(path, info))
		rest := strings.TrimPrefix(strings.TrimPrefix(file, path), "/")
		if rest == "" || !info.IsDir() {
			return way
		}
		name, _, _ := strings.Cut(rest, "/")
		path = filepath.Join(path, name)
	}
}

func stepOf(path string, info fs.FileInfo) step {
	s := step{path: path, dir: info.IsDir(), mode: info.Mode()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		s.uid, s.gid = int(stat.Uid), int(stat.Gid)
	}
	return s
}

// refusal explains why u cannot read a file that is there.
func (u User) refusal(file string) advice {
	if u.Bystander {
		return advice{found: "cannot be read by user " + u.Name, todo: "ask as root, with sudo"}
	}
	// The whole way counts: the commonest refusal is a directory above the file.
	absolute, err := filepath.Abs(file)
	if err != nil {
		absolute = file
	}
	way := wayTo(absolute)
	at, ok := blame(way, u)
	switch {
	case !ok:
		return advice{
			found: fmt.Sprintf("cannot be read by user %s, although owners and modes allow it", u.Name),
			todo:  "look for an access control list (getfacl) or a security module on its way",
		}
	case !at.dir:
		return advice{
			found:    fmt.Sprintf("(%s) cannot be read by user %s", at, u.Name),
			todo:     "give it to the group " + u.Group,
			commands: u.grant(at),
		}
	}
	return u.closed(file, at)
}

// closed explains a directory on the way to a file that u may not enter. Other
// people's directories are left as they are.
func (u User) closed(file string, dir step) advice {
	a := advice{
		found:    fmt.Sprintf("cannot be read by user %s: the directory %s (%s) is closed to it", u.Name, dir.path, dir),
		todo:     "open the directory to the group " + u.Group,
		commands: u.grant(dir),
	}
	if !strings.HasPrefix(dir.path+"/", packagedDir) {
		a.todo = "move the file to " + packagedDir + " and write its new path"
		a.commands = []string{u.install(file, filepath.Join(packagedDir, filepath.Base(file)))}
	}
	return a
}
