package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// arches are Debian's names of what is shipped.
var arches = []string{"amd64", "arm64", "armhf"}

// measureSizes looks at the packages, and into them.
func measureSizes(ctx context.Context, r *run) (result, error) {
	var figures []figure
	for _, arch := range arches {
		deb, err := r.deb(arch)
		if err != nil {
			return result{}, err
		}
		bin, remove, err := unpack(ctx, deb)
		if err != nil {
			return result{}, err
		}
		packed, err := os.Stat(deb)
		program, programErr := os.Stat(bin)
		remove()
		if err := errors.Join(err, programErr); err != nil {
			return result{}, err
		}
		figures = append(figures, shown(arch, "package %.2f MB, program %.2f MB", float64(packed.Size())/1e6, float64(program.Size())/1e6))
	}
	return result{figures: figures, text: "From `make deb`. The armhf package is for ARMv6, which every Raspberry Pi runs."}, nil
}

// deb finds the package of an architecture, the newest unless a version is
// given.
func (r *run) deb(arch string) (string, error) {
	version := r.Version
	if version == "" {
		version = "*"
	}
	files, err := filepath.Glob(filepath.Join(r.Packages, "edgeagent_"+version+"_"+arch+".deb"))
	if err != nil {
		return "", err
	}
	var newest string
	var at time.Time
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.ModTime().After(at) {
			newest, at = file, info.ModTime()
		}
	}
	if newest == "" {
		return "", fmt.Errorf("no package for %s in %s: make deb", arch, r.Packages)
	}
	return newest, nil
}

// unpack takes the program out of a package. remove deletes it.
func unpack(ctx context.Context, deb string) (bin string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "edgeagent-bench-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", deb, dir).CombinedOutput()
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("unpacking %s: %w: %s", filepath.Base(deb), err, strings.TrimSpace(string(out)))
	}
	return filepath.Join(dir, "usr", "bin", "edgeagent"), remove, nil
}
