package localproxy

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Where /proc/self/stat has the bounds of the arguments and the environment
// as the kernel made them (proc(5): fields 48 to 51), counted behind the name.
const (
	statArgStart = 48 - 3
	statEnvEnd   = 51 - 3
)

// Scrub overwrites every occurrence of secret in this process's arguments and
// environment as the kernel shows them in /proc: unsetting a variable only
// changes Go's copy. To be called before Harden, which forbids it.
func Scrub(secret string) error {
	if secret == "" {
		return nil
	}
	start, end, err := initialStack()
	if err != nil {
		return fmt.Errorf("hiding a secret: %w", err)
	}
	// By file, not by pointer: what moved meanwhile is an error, not a crash.
	mem, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("hiding a secret: %w", err)
	}
	defer mem.Close()
	area := make([]byte, end-start)
	if _, err := mem.ReadAt(area, start); err != nil {
		return fmt.Errorf("hiding a secret: %w", err)
	}
	for from := 0; ; {
		i := bytes.Index(area[from:], []byte(secret))
		if i < 0 {
			return nil
		}
		from += i
		if _, err := mem.WriteAt(bytes.Repeat([]byte{'*'}, len(secret)), start+int64(from)); err != nil {
			return fmt.Errorf("hiding a secret: %w", err)
		}
		from += len(secret)
	}
}

// initialStack returns where the kernel put arguments and environment.
func initialStack() (start, end int64, err error) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0, err
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= statEnvEnd {
		return 0, 0, fmt.Errorf("/proc/self/stat has %d fields", len(fields))
	}
	if start, err = strconv.ParseInt(fields[statArgStart], 10, 64); err != nil {
		return 0, 0, err
	}
	if end, err = strconv.ParseInt(fields[statEnvEnd], 10, 64); err != nil {
		return 0, 0, err
	}
	if start == 0 || end <= start {
		return 0, 0, fmt.Errorf("/proc/self/stat shows no arguments")
	}
	return start, end, nil
}
