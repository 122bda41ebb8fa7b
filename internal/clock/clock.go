// Package clock decides whether the device's clock can be believed. A Raspberry
// Pi has no battery-backed clock: until something sets it, certificates look
// expired or not yet valid, and every refusal that follows names the wrong
// cause.
//
// It is a leaf: it imports nothing of the project.
package clock

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ErrWrong means that the clock itself cannot be right. Nothing that depends on
// certificates should be tried.
var ErrWrong = errors.New("the clock is wrong")

// ErrExpired and ErrNotYetValid mean that a certificate's dates and a plausible
// clock disagree.
var (
	ErrExpired     = errors.New("certificate expired")
	ErrNotYetValid = errors.New("certificate not yet valid")
)

// slack is how far the clock may lie behind the last known time: a clock set
// back by NTP after running fast is right, not wrong.
const slack = time.Hour

// saveEvery bounds writes to the SD card.
const saveEvery = 6 * time.Hour

// Gate remembers the latest time that was known, across boots.
type Gate struct {
	build time.Time
	file  string

	mu    sync.Mutex
	last  time.Time
	saved time.Time
}

// NewGate returns a Gate that refuses any time before build, the moment this
// program was built, and before the time kept in file. A damaged file is set
// aside as file.damaged; the returned note then says so, for the log.
func NewGate(build time.Time, file string) (g *Gate, note string) {
	g = &Gate{build: build, file: file}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return g, ""
	}
	if err == nil {
		g.last, err = time.Parse(time.RFC3339, strings.TrimSpace(string(data)))
	}
	if err != nil {
		aside := file + ".damaged"
		if renameErr := os.Rename(file, aside); renameErr != nil {
			return g, fmt.Sprintf("last known time unreadable: %v; setting it aside: %v", err, renameErr)
		}
		return g, fmt.Sprintf("last known time unreadable, set aside as %s: %v", aside, err)
	}
	g.saved = g.last
	return g, ""
}

// Check returns an error wrapping ErrWrong if now cannot be the true time. The
// last known time is no ground for refusal by itself: one jump into the future
// and back would lock the device out for good.
func (g *Gate) Check(now time.Time) error {
	if now.Before(g.build) {
		return fmt.Errorf("%w: it says %s, before this program was built (%s)",
			ErrWrong, stamp(now), stamp(g.build))
	}
	return nil
}

// Confirm records that now is the true time: a peer's certificate was accepted
// at that time. It writes to disk at most every six hours.
func (g *Gate) Confirm(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.After(g.last) {
		g.last = now
	}
	if now.Sub(g.saved) < saveEvery {
		return nil
	}
	if err := writeFile(g.file, []byte(now.UTC().Format(time.RFC3339)+"\n")); err != nil {
		return fmt.Errorf("keeping the last known time: %w", err)
	}
	g.saved = now
	return nil
}

// CheckCert returns an error wrapping ErrExpired or ErrNotYetValid if cert is
// not valid at now, or ErrWrong if now cannot be right: before the build, or
// before the certificate begins although a later time has been known.
func (g *Gate) CheckCert(cert *x509.Certificate, now time.Time) error {
	if err := g.Check(now); err != nil {
		return err
	}
	g.mu.Lock()
	last := g.last
	g.mu.Unlock()
	switch {
	case now.After(cert.NotAfter):
		return fmt.Errorf("%w on %s", ErrExpired, stamp(cert.NotAfter))
	case now.Before(cert.NotBefore) && now.Before(last.Add(-slack)):
		return fmt.Errorf("%w: it says %s, but %s has already been", ErrWrong, stamp(now), stamp(last))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("%w: it begins on %s, the clock says %s", ErrNotYetValid, stamp(cert.NotBefore), stamp(now))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// writeFile replaces name as a whole: a power cut leaves the old or the new.
func writeFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
