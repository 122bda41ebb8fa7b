package resolver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// resolvconfRecord is the name of our record.
	resolvconfRecord = "edgeagent"
	// resolvconfWithin bounds one run of openresolv, a script that runs others.
	resolvconfWithin = 10 * time.Second
)

// resolvconfMode is the host mode "resolvconf": an exclusive record in
// openresolv (resolvconf(8), -x), which then writes a resolv.conf of that record
// alone until it is deleted, whatever DHCP clients tell it meanwhile. Theirs
// stay in its directory and name the uplink's servers. Debian's own resolvconf
// knows no such record.
type resolvconfMode struct {
	program string
	dir     string // where openresolv keeps its records (VARDIR), in memory
	etc     string
	stub    netip.Addr

	step func(call string) // after each run of the program
}

// recordDirs hold one file for each record: since version 3.14, and before.
var recordDirs = []string{"keys", "interfaces"}

// record returns the path of our record, "" if there is none.
func (m *resolvconfMode) record() string {
	for _, d := range recordDirs {
		path := filepath.Join(m.dir, d, resolvconfRecord)
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}

func (m *resolvconfMode) apply(ctx context.Context, content []byte) error {
	if m.says(content) && m.only() {
		return nil
	}
	// The metric puts it first, should another record be exclusive too.
	return m.run(ctx, content, "-m", "0", "-x", "-a", resolvconfRecord)
}

// says reports whether our record says just that; openresolv adds a comment of
// its own.
func (m *resolvconfMode) says(content []byte) bool {
	data, err := readSmall(m.record())
	return err == nil && bytes.HasSuffix(bytes.TrimSpace(data), bytes.TrimSpace(content))
}

// only reports whether programs ask the stub and nobody else.
func (m *resolvconfMode) only() bool {
	conf, err := readConf(m.etc)
	return err == nil && conf.onlyAsks(m.stub)
}

// restore deletes the record. After a power cut there is none, but the
// resolv.conf that was made of it may still be there.
func (m *resolvconfMode) restore(ctx context.Context) error {
	if m.record() != "" {
		return m.run(ctx, nil, "-f", "-d", resolvconfRecord)
	}
	conf, err := readConf(m.etc)
	if err != nil || conf.owner != "resolvconf" || !conf.onlyAsks(m.stub) || resolvconfKind(m.program) != resolvconfOpen {
		return nil
	}
	return m.run(ctx, nil, "-u")
}

func (m *resolvconfMode) run(ctx context.Context, stdin []byte, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, resolvconfWithin)
	defer cancel()
	// Under the unit's own umask others could not read what openresolv writes.
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", `umask 022 && exec "$0" "$@"`, m.program}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.WaitDelay = time.Second // its subscribers may leave daemons with our pipe
	out, err := cmd.CombinedOutput()
	m.step(args[len(args)-1])
	if err != nil {
		return fmt.Errorf("running %s %s: %w: %s", m.program, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// others returns what the records of the others say together, in openresolv's
// order: by metric, then by name.
func (m *resolvconfMode) others() hostConf {
	var all hostConf
	for _, path := range m.records() {
		conf, err := readConf(path)
		if err != nil {
			continue
		}
		all.servers = append(all.servers, conf.servers...)
		all.search = append(all.search, conf.search...)
		all.options = append(all.options, conf.options...)
	}
	return all
}

func (m *resolvconfMode) records() []string {
	order := map[string]string{}
	metrics, _ := os.ReadDir(filepath.Join(m.dir, "metrics"))
	for _, e := range metrics { // "0000202 eth0.dhcp"
		if metric, name, ok := strings.Cut(e.Name(), " "); ok {
			order[name] = metric
		}
	}
	var paths []string
	for _, d := range recordDirs {
		entries, err := os.ReadDir(filepath.Join(m.dir, d))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		for _, e := range entries {
			if e.Name() != resolvconfRecord && e.Type().IsRegular() {
				paths = append(paths, filepath.Join(m.dir, d, e.Name()))
			}
		}
	}
	rank := func(path string) string {
		name := filepath.Base(path)
		if metric, ok := order[name]; ok {
			return metric + " " + name
		}
		return "~" + name // after all digits
	}
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(rank(a), rank(b)) })
	return paths
}
