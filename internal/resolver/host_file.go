package resolver

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// noOriginal is the target of the saved symbolic link if there was no
// resolv.conf at all.
const noOriginal = "edgeagent:nothing"

// fileMode is the host mode "file". Between any two of its system calls the
// system is in one of these states, and each is healed by whoever comes next:
//
//	etc        saved      what happened
//	original   -          nothing, or all is restored
//	original   ours       crash before or after the exchange: saved is dropped
//	ours       original   applied
//	foreign    original   trampled: what is newer stays, saved is dropped
//	copy       original   trampled by a copy of ours: saved is put back
//	serverless original   trampled by a file that names no server: saved is put back
//	missing    original   deleted: saved is put back
//	ours       -          somebody deleted saved: a link to the fallback is the best guess
//
// where ours is a symbolic link to runtime. If there was nothing, saved is a
// link to noOriginal.
type fileMode struct {
	etc, saved, fresh string // in one directory
	runtime, lock     string // in the runtime directory
	stub              netip.Addr
	fallback          string

	swap func(a, b string) error // exchanges two files: renameat2(2), or what tests put there
	step func(call string)       // after each system call that changes something
}

// isOurs reports whether path is a link that this program made, with this
// runtime directory or its usual name.
func (f *fileMode) isOurs(path string) bool {
	kind, target := kindOf(path)
	return kind == kindSymlink && (target == f.runtime || target == "/run/edgeagent/resolv.conf")
}

// applied reports whether etc leads to the stub by our doing.
func (f *fileMode) applied() bool { return f.isOurs(f.etc) }

// original is the path at which what etc was, or is, can be read.
func (f *fileMode) original() string {
	if f.applied() {
		return f.saved
	}
	return f.etc
}

// hasSaved reports whether saved holds something to bring back.
func (f *fileMode) hasSaved() bool {
	_, err := os.Lstat(f.saved)
	return err == nil && !f.isOurs(f.saved)
}

// apply makes etc a link to runtime, which holds content().
func (f *fileMode) apply(ctx context.Context, content func() []byte) error {
	unlock, err := f.locked(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := f.heal(); err != nil {
		return err
	}
	// Before the exchange, or programs would find nothing there.
	if err := f.write(content()); err != nil || f.applied() {
		return err
	}
	if _, err = os.Lstat(f.etc); errors.Is(err, fs.ErrNotExist) {
		err = f.applyToNothing()
	} else {
		err = f.applyToOriginal()
	}
	if err != nil {
		return err
	}
	return f.sync(filepath.Dir(f.etc))
}

// applyToOriginal puts our link where the original is and the original where
// our link was, at once: nobody sees neither, and no change made in between is
// lost.
func (f *fileMode) applyToOriginal() error {
	if err := f.symlink(f.runtime, f.saved); err != nil {
		return err
	}
	err := f.exchange()
	if err == nil {
		return nil
	}
	if removeErr := f.remove(f.saved); removeErr != nil || !errors.Is(err, unix.EINVAL) {
		return errors.Join(err, removeErr)
	}
	return f.applyByLink()
}

// applyByLink does the same where the file system cannot exchange (NFS): the
// original gets a second name, and loses its first to our link.
func (f *fileMode) applyByLink() error {
	err := f.link(f.etc, f.saved)
	if err == nil {
		err = f.symlink(f.runtime, f.fresh)
	}
	if err == nil {
		err = f.rename(f.fresh, f.etc)
	}
	if err != nil {
		return errors.Join(err, f.remove(f.fresh), f.remove(f.saved))
	}
	return nil
}

func (f *fileMode) applyToNothing() error {
	err := f.symlink(noOriginal, f.saved)
	if err == nil {
		err = f.symlink(f.runtime, f.etc)
	}
	if err != nil {
		return errors.Join(err, f.remove(f.saved))
	}
	return nil
}

// renew replaces what the applied link leads to, if that is not as content()
// says. What somebody else wrote there is left for apply.
func (f *fileMode) renew(content func() []byte) error {
	stale := func() bool { return f.applied() && f.hasSaved() && !f.touchedThrough() && !f.holds(content()) }
	if !stale() {
		return nil
	}
	unlock, err := f.locked(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	if !stale() {
		return nil
	}
	return f.write(content())
}

// holds reports whether runtime has just this content.
func (f *fileMode) holds(content []byte) bool {
	kind, _ := kindOf(f.runtime)
	data, err := readSmall(f.runtime)
	return kind == kindRegular && err == nil && string(data) == string(content)
}

// restore undoes apply.
func (f *fileMode) restore(ctx context.Context) error {
	touched := f.touched()
	if _, err := os.Lstat(filepath.Dir(f.lock)); errors.Is(err, fs.ErrNotExist) && !touched {
		return nil // never applied since the boot: no need for a runtime directory
	}
	unlock, err := f.locked(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	err = f.heal()
	if err == nil && f.applied() {
		err = f.bringBack()
	}
	if err == nil {
		err = f.remove(f.runtime)
	}
	if err != nil || !touched {
		return err
	}
	return f.sync(filepath.Dir(f.etc))
}

// bringBack ends the state "applied".
func (f *fileMode) bringBack() error {
	if kind, _ := kindOf(f.saved); kind == kindMissing {
		return f.putBack()
	}
	err := f.exchange()
	switch {
	case errors.Is(err, unix.EINVAL):
		return f.putBack()
	case err != nil:
		return err
	case f.hasSaved(): // somebody changed etc just now
		return f.rename(f.saved, f.etc)
	}
	return f.remove(f.saved)
}

// heal brings a system that was left half way into one of the states "nothing
// done" and "applied".
func (f *fileMode) heal() error {
	if err := f.remove(f.fresh); err != nil {
		return err
	}
	if f.applied() {
		return f.healApplied()
	}
	if !f.hasSaved() {
		return f.remove(f.saved)
	}
	if f.hasNews() {
		return f.remove(f.saved)
	}
	return f.putBack()
}

// hasNews reports whether somebody has put something of his own in place of our
// link. A copy of what we wrote, as `sed -i` makes, is none: kept, it would name
// the stub for ever. Nor is a file without a server, such as NetworkManager writes
// while it is offline: kept, it would leave the device without DNS after the next
// boot.
func (f *fileMode) hasNews() bool {
	if _, err := os.Lstat(f.etc); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	conf, err := readConf(f.etc)
	return err != nil || !conf.onlyAsks(f.stub) && len(conf.servers) > 0
}

// putBack makes saved etc again, whatever stands there.
func (f *fileMode) putBack() error {
	if kind, _ := kindOf(f.saved); kind != kindMissing {
		return f.rename(f.saved, f.etc)
	}
	if err := f.remove(f.etc); err != nil {
		return err
	}
	return f.remove(f.saved)
}

// healApplied deals with what happens to an applied system behind our back.
func (f *fileMode) healApplied() error {
	if data, ok := f.writtenThrough(); ok {
		return f.adopt(data)
	}
	if f.hasSaved() {
		return nil
	}
	if err := f.remove(f.saved); err != nil {
		return err
	}
	target := noOriginal
	if _, err := os.Lstat(f.fallback); err == nil {
		target = f.fallback
	}
	return f.symlink(target, f.saved)
}

// touchedThrough reports whether somebody wrote to etc, which went through the
// link into runtime.
func (f *fileMode) touchedThrough() bool {
	if kind, _ := kindOf(f.runtime); kind != kindRegular {
		return false // lost, or a link put there at boot (see the package's comment)
	}
	data, err := readSmall(f.runtime)
	return err == nil && !untouched(data)
}

// writtenThrough returns what somebody wrote to etc: newer than what was saved.
// Without a server but the stub it is the work of somebody who is not done yet,
// or nothing to keep.
func (f *fileMode) writtenThrough() ([]byte, bool) {
	if !f.touchedThrough() {
		return nil, false
	}
	data, err := readSmall(f.runtime)
	conf := parseConf(data)
	return data, err == nil && len(conf.servers) > 0 && !conf.onlyAsks(f.stub)
}

// adopt makes data the content of etc, as its writer meant it to be. If he added
// to what we wrote, our part of it goes.
func (f *fileMode) adopt(data []byte) error {
	if err := f.create(f.fresh, withoutStub(data, f.stub)); err != nil {
		return err
	}
	if err := f.rename(f.fresh, f.etc); err != nil {
		return err
	}
	return f.remove(f.saved)
}

// write replaces the content of runtime as a whole.
func (f *fileMode) write(content []byte) error {
	if f.holds(content) {
		return nil
	}
	fresh := f.runtime + ".new"
	if err := f.create(fresh, content); err != nil {
		return err
	}
	return f.rename(fresh, f.runtime)
}

// touched reports whether anything of ours lies beside etc, or in its place.
func (f *fileMode) touched() bool {
	_, savedErr := os.Lstat(f.saved)
	_, freshErr := os.Lstat(f.fresh)
	return f.applied() || savedErr == nil || freshErr == nil
}
