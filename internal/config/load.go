package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// DefaultFile is where the package installs the configuration.
const DefaultFile = "/etc/edgeagent/edgeagent.yaml"

// Load reads and checks file, and that the files it names can be read by this
// process. An error is of type Errors and holds every fault.
func Load(file string) (Config, error) {
	data, err := read(file)
	if err != nil {
		return Config{}, err
	}
	r, c := parse(file, data)
	r.files(c)
	return r.finish(c)
}

// Read is Load without a look at the files that file names: for whoever needs
// the settings where the certificates are not, or not yet.
func Read(file string) (Config, error) {
	data, err := read(file)
	if err != nil {
		return Config{}, err
	}
	return Parse(file, data)
}

// Parse checks data, the content of the file called name, without looking at
// anything else. An error is of type Errors and holds every fault.
func Parse(name string, data []byte) (Config, error) {
	r, c := parse(name, data)
	return r.finish(c)
}

// parse reads and checks data as far as it can.
func parse(name string, data []byte) (*reader, Config) {
	r := &reader{file: name, places: map[string]place{}}
	c := Default()
	root, fault := document(data)
	if fault != nil {
		fault.File = name
		r.faults = Errors{*fault}
		r.broken = []string{""}
		return r, c
	}
	r.value("", root, field{}, configValue(&c))
	r.validate(c)
	return r, c
}

// finish returns the configuration with the defaults that depend on other keys,
// or all faults.
func (r *reader) finish(c Config) (Config, error) {
	if err := r.faults.orNil(); err != nil {
		return Config{}, err
	}
	r.derive(&c)
	return c, nil
}

// read returns the content of a file that may be anything. Its error is of type
// Errors.
func read(name string) ([]byte, error) {
	data, err := readAtMost(name, maxFileBytes+1)
	if err != nil {
		return nil, Errors{{File: name, Message: message(reason(err), "a YAML file",
			"copy the shipped minimal.yaml there and fill it in, or name another file")}}
	}
	return data, nil
}

func readAtMost(name string, limit int64) ([]byte, error) {
	if err := readable(name); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

var errNotAFile = errors.New("is not a regular file")

// readable returns an error unless name is a regular file that this process may
// read. It opens nothing else: a FIFO would block.
func readable(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNotAFile
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// reason says why a file cannot be used, without repeating its name.
func reason(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("cannot be read by user id %d", os.Geteuid())
	case errors.As(err, &path):
		return "cannot be opened: " + path.Err.Error()
	}
	return err.Error()
}
