package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BinEnv names the edgeagent that tests run in labs, as an absolute path. Without
// it they build one.
const BinEnv = "EDGEAGENT_BIN"

// Program returns the program that BinEnv names, or one that it builds in dir.
func Program(ctx context.Context, dir string) (string, error) {
	if bin := os.Getenv(BinEnv); bin != "" {
		return bin, nil
	}
	bin := filepath.Join(dir, "edgeagent")
	return bin, Build(ctx, bin, "")
}

// Build builds the program as it ships, but for flags of the linker.
func Build(ctx context.Context, file, ldflags string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w "+ldflags, "-o", file, "edgeagent/cmd/edgeagent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building edgeagent: %w\n%s", err, out)
	}
	return nil
}
