package handover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Env names the environment variable with the descriptor of the record.
const Env = "EDGEAGENT_HANDOVER_FD"

// maxRecord bounds what is read of a record, in bytes. A dozen tunnels make 20 kB.
const maxRecord = 4 << 20

// seals make a record what it was when it was written.
const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL

// header is what a record of any schema says: who left it.
type header struct {
	Schema int             `json:"schema"`
	PID    int             `json:"pid"`
	State  json.RawMessage `json:"state"`
}

// Save writes state into a sealed memory file, which is all that ever holds it:
// it may have secrets in it, and those never touch a disk.
func Save(schema int, state any) (*os.File, error) {
	raw, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("writing the handover: %w", err)
	}
	data, err := json.Marshal(header{schema, os.Getpid(), raw})
	if err != nil {
		return nil, fmt.Errorf("writing the handover: %w", err)
	}
	fd, err := unix.MemfdCreate("edgeagent-handover", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("writing the handover: %w", err)
	}
	f := os.NewFile(uintptr(fd), "handover")
	_, err = f.Write(data)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("writing the handover: %w", err)
	}
	return f, nil
}

// Why a record is not taken.
var (
	errNotSealed = errors.New("its descriptor is no sealed memory file")
	errNotOurs   = errors.New("it is another process's")
	errSchema    = errors.New("its schema is not known to this version")
)

// Pending reports whether this image was started by Exec. From then on the
// environment does not say so any more: no child is to believe it.
func Pending() (fd int, ok bool) {
	text, ok := os.LookupEnv(Env)
	if !ok {
		return None, false
	}
	os.Unsetenv(Env)
	fd, err := strconv.Atoi(text)
	if err != nil || fd < firstFree {
		return None, true
	}
	return fd, true
}

// Load reads the record at fd, which is closed, into state. A record of another
// schema, of another process or that no one sealed is an error.
func Load(fd, schema int, state any) error {
	defer Close(fd)
	if got, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err != nil || got&seals != seals {
		return fmt.Errorf("reading the handover: %w", errNotSealed)
	}
	data := make([]byte, maxRecord)
	n, err := unix.Pread(fd, data, 0)
	if err != nil {
		return fmt.Errorf("reading the handover: %w", err)
	}
	return decode(data[:n], schema, state)
}

// decode parses a record.
func decode(data []byte, schema int, state any) error {
	var h header
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&h); err != nil {
		return fmt.Errorf("reading the handover: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the handover: more than one value")
	}
	switch {
	case h.PID != os.Getpid():
		return fmt.Errorf("reading the handover: %w (%d)", errNotOurs, h.PID)
	case h.Schema != schema:
		return fmt.Errorf("reading the handover: %w (%d, not %d)", errSchema, h.Schema, schema)
	}
	if err := json.Unmarshal(h.State, state); err != nil {
		return fmt.Errorf("reading the handover: %w", err)
	}
	return nil
}
