package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSupportBundleOverwritesNothing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	if code := run([]string{"support-bundle", "--config", "/none", "--runtime-dir", t.TempDir(), "-o", out}, io.Discard, &stderr); code != exitUsage {
		t.Errorf("exit status %d", code)
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "mine" {
		t.Errorf("the file became %q, %v", text, err)
	}
	if !strings.Contains(stderr.String(), "is there already") {
		t.Errorf("stderr %q", stderr.String())
	}
}
