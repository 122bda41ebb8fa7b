package localproxy

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Setting is one line of an INI file.
type Setting struct {
	Key, Value string
	Line       int
}

// ReadINI reads a file of key=value lines, as the reference program's options
// --config and --config-dir take. Comments begin with # or ;.
func ReadINI(name string) ([]Setting, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	settings, err := parseINI(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	return settings, nil
}

// parseINI does not take sections: the reference program's options have none.
func parseINI(text string) ([]Setting, error) {
	var settings []Setting
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" {
			return nil, fmt.Errorf("%d: want key=value", i+1) // the line may hold a secret
		}
		settings = append(settings, Setting{key, value, i + 1})
	}
	return settings, nil
}

// AddDirectory adds the SERVICE=DESTINATION lines of every file below dir.
// Services that are there already keep their destination.
func (d *Destinations) AddDirectory(dir string) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("reading destinations: %w", err)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		settings, err := ReadINI(name)
		if err != nil {
			return err
		}
		for _, s := range settings {
			if err := d.Add(s.Key, s.Value, true); err != nil {
				return fmt.Errorf("%s:%d: %w", name, s.Line, err)
			}
		}
		return nil
	})
}
