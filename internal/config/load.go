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

// Report is what there is to say about a configuration file and the files that
// it names.
type Report struct {
	// Config is complete if there are no Faults. Else it holds what could be read.
	Config Config
	// Faults keep the agent from starting, Warnings do not.
	Faults, Warnings Errors
	// Files are all that were looked at, or looked for: a change of any of them
	// can change the report.
	Files []string
}

// Err returns the faults as an error of type Errors, nil if there are none.
func (r Report) Err() error { return r.Faults.orNil() }

// Examine reads and checks file and the files that it names, as the given user
// would: it says what that user cannot read, and what to type about it.
func Examine(file string, as User) Report {
	data, fault := readConfig(file, as)
	if fault != nil {
		return Report{Config: Default(), Faults: Errors{*fault}, Files: []string{file}}
	}
	r, c := parse(file, data)
	files := newFileCheck(r, as)
	files.config(file)
	files.all(c)
	r.faults = r.faults.sorted(file)
	if len(r.faults) == 0 {
		r.derive(&c)
	}
	return Report{Config: c, Faults: r.faults, Warnings: r.warnings.sorted(file), Files: files.seen}
}

// Load is Examine for this process: a configuration without faults, or an error
// of type Errors that holds all of them.
func Load(file string) (Config, error) {
	report := Examine(file, Self())
	if err := report.Err(); err != nil {
		return Config{}, err
	}
	return report.Config, nil
}

// Read is Load without a look at the files that file names: for whoever needs
// the settings where the certificates are not, or not yet.
func Read(file string) (Config, error) {
	data, fault := readConfig(file, Self())
	if fault != nil {
		return Config{}, Errors{*fault}
	}
	return Parse(file, data)
}

// Parse checks data, the content of the file called name, without looking at
// anything else. An error is of type Errors and holds every fault.
func Parse(name string, data []byte) (Config, error) {
	r, c := parse(name, data)
	if err := r.faults.sorted(name).orNil(); err != nil {
		return Config{}, err
	}
	r.derive(&c)
	return c, nil
}

// parse reads and checks data as far as it can.
func parse(name string, data []byte) (*reader, Config) {
	return parseWith(name, data, retiredKeys())
}

func parseWith(name string, data []byte, old []retired) (*reader, Config) {
	r := &reader{file: name, places: map[string]place{}, retired: old}
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

// readConfig returns the content of a file that may be anything.
func readConfig(name string, as User) ([]byte, *Fault) {
	data, err := as.read(name, maxFileBytes+1)
	if err == nil {
		return data, nil
	}
	f := newFault(Unreadable, name, 0, "", reason(err), "a YAML file", "name another file")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f = newFault(MissingFile, name, 0, "", "does not exist", "a YAML file",
			"copy the shipped minimal.yaml there and fill it in, or name another file")
		f.Commands = []string{as.install(exampleFile, name)}
	case errors.Is(err, fs.ErrPermission):
		w := as.refusal(name)
		f = newFault(Unreadable, name, 0, "", w.found, "a YAML file", w.todo)
		f.Commands = w.commands
	case errors.Is(err, errNotAFile):
		f.Kind = NotAFile
	}
	return nil, &f
}

var errNotAFile = errors.New("is not a regular file")

// read returns at most limit bytes of a regular file, as the user u. It opens
// nothing else: a FIFO would block.
func (u User) read(name string, limit int64) (data []byte, err error) {
	err = u.do(func() error {
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
		defer f.Close()
		data, err = io.ReadAll(io.LimitReader(f, limit))
		return err
	})
	return data, err
}

// reason says why a file cannot be used, without repeating its name.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Sprintf("cannot be opened: %v", path.Err)
	}
	return err.Error()
}
