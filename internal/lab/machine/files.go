package machine

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// ReadFile returns a file of the machine, on or off.
func (m *Machine) ReadFile(ctx context.Context, name string) (string, error) {
	r, err := m.Run(ctx, "cat", "--", name)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("reading %s in the machine: %s", name, strings.TrimSpace(r.Output))
	}
	return r.Output, err
}

// WriteFile writes a file of the machine, on or off, through a link if there is
// one. A new file belongs to root, mode 0644.
func (m *Machine) WriteFile(ctx context.Context, name, content string) error {
	r, err := m.RunInput(ctx, strings.NewReader(content), "sh", "-c", `cat >"$1"`, "sh", name)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("writing %s in the machine: %s", name, strings.TrimSpace(r.Output))
	}
	return err
}

// Push copies a file of the host into the machine and gives it an owner
// ("root:edgeagent") and a mode ("0640") there.
func (m *Machine) Push(ctx context.Context, from, to, owner, mode string) error {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copying into the machine: %w", err)
	}
	defer f.Close()
	const script = `set -e; cat >"$1"; chown "$2" "$1"; chmod "$3" "$1"`
	r, err := m.RunInput(ctx, f, "sh", "-c", script, "sh", to, owner, mode)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("copying %s into the machine: %s", to, strings.TrimSpace(r.Output))
	}
	return err
}
