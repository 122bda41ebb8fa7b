package mqtt

import (
	"errors"
	"io/fs"
	"os"
)

// kept is a file that remembers across restarts that the broker keeps a session
// for this client id. Without it, the first refusals after a boot would lead to a
// CONNECT without persistence, and that ends the session with all that it holds.
type kept struct {
	file string // "": nothing is remembered
	line string // whose session it is: another client id has another
	told bool   // what the file says
}

// load reads the file. One that is damaged, or about another client id, is as good
// as none and is written anew when a session is accepted.
func (k *kept) load() bool {
	data, err := os.ReadFile(k.file)
	k.told = err == nil && string(data) == k.line
	return k.told
}

// save writes the file if it says something else: once in a device's life, as a rule.
func (k *kept) save(accepted bool) error {
	if k.file == "" || k.told == accepted {
		return nil
	}
	err := os.Remove(k.file)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if accepted {
		err = os.WriteFile(k.file, []byte(k.line), 0o600)
	}
	k.told = err == nil && accepted
	return err
}

// accepted takes note of an accepted CONNECT. It returns false if that was only to
// find out.
func (s *Session) accepted() bool {
	stays := true
	if s.o.MQTT.PersistentSession {
		stays = s.keep.accepted()
	} else {
		s.keep.kept = false
	}
	if err := s.kept.save(s.keep.kept); err != nil {
		s.o.Log.Warn("that the broker keeps a session cannot be remembered", "err", err)
	}
	return stays
}
