package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// unpack returns the files of an archive by name, without their directory.
func unpack(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		dir, name, ok := strings.Cut(h.Name, "/")
		if !ok || !strings.HasPrefix(dir, "edgeagent-") || strings.Contains(h.Name, "..") || h.Mode != 0o600 {
			t.Errorf("entry %s, mode %o", h.Name, h.Mode)
		}
		files[name] = string(data)
	}
}

func write(t *testing.T, o Options) (map[string]string, Summary) {
	t.Helper()
	var b bytes.Buffer
	o.Now = time.Now()
	s, err := Write(t.Context(), &b, o)
	if err != nil {
		t.Fatal(err)
	}
	if b.Len() > MaxBytes || int64(b.Len()) != s.Bytes {
		t.Errorf("%d bytes, said to be %d", b.Len(), s.Bytes)
	}
	return unpack(t, b.Bytes()), s
}

func fixed(name, text string, err error) Part {
	return Part{Name: name, What: "test", Get: func(context.Context) ([]byte, error) { return []byte(text), err }}
}

func TestWrite(t *testing.T) {
	files, s := write(t, Options{Device: "../gw 042", Version: "0.1.0", Secrets: []string{"hunter22"}, Parts: []Part{
		fixed("a.txt", "all well, hunter22\n", nil),
		fixed("b.txt", "", errors.New("not there; hunter22")),
		fixed("c.txt", "half of it\n", errors.New("broken off")),
	}})
	if got := files["a.txt"]; got != "all well, [...]\n" {
		t.Errorf("a.txt: %q", got)
	}
	if got := files["c.txt"]; got != "half of it\n" {
		t.Errorf("c.txt: %q", got)
	}
	readme := files["README.txt"]
	for _, want := range []string{"edgeagent 0.1.0", "a.txt", "b.txt: not there; [...]", "c.txt: broken off"} {
		if !strings.Contains(readme, want) {
			t.Errorf("README lacks %q:\n%s", want, readme)
		}
	}
	if len(s.Files) != 3 || len(s.Missing) != 2 {
		t.Errorf("summary %+v", s)
	}
}

func TestLongPartsAreCut(t *testing.T) {
	long := strings.Repeat("0123456789\n", maxPart/5)
	tail := fixed("log.txt", long+"the end\n", nil)
	tail.End = true
	files, _ := write(t, Options{Parts: []Part{tail, fixed("list.txt", "the beginning\n"+long, nil)}})
	if got := files["log.txt"]; !strings.HasSuffix(got, "the end\n") || !strings.HasPrefix(got, "[...") || len(got) > maxPart+100 {
		t.Errorf("log: %d bytes, %.60q", len(got), got)
	}
	if got := files["list.txt"]; !strings.HasPrefix(got, "the beginning\n") || len(got) > maxPart+100 {
		t.Errorf("list: %d bytes, %.60q", len(got), got)
	}
}

// TestTheArchiveIsBounded: noise does not compress.
func TestTheArchiveIsBounded(t *testing.T) {
	noise := make([]byte, maxPart/2)
	var parts []Part
	for _, name := range strings.Split("abcdefghijklmnopqrstuvw", "") {
		rand.Read(noise)
		parts = append(parts, fixed(name, hexLines(noise), nil))
	}
	files, s := write(t, Options{Parts: parts})
	if _, ok := files["a"]; !ok || len(s.Dropped) == 0 || s.Dropped[len(s.Dropped)-1] != "w" {
		t.Errorf("kept %d files, dropped %v", len(files), s.Dropped)
	}
	if !strings.Contains(files["README.txt"], "Left out for its size") {
		t.Error("the README does not say so")
	}
}

// TestAbsurdLogsAreBounded: a log of a whole card's size that does not compress
// costs neither memory nor the rest of the archive.
func TestAbsurdLogsAreBounded(t *testing.T) {
	endless := func(ctx context.Context) ([]byte, error) {
		return output(ctx, "sh", "-c", "head -c 3000000 /dev/urandom | base64 -w 100; echo the end")
	}
	var parts []Part
	for _, name := range []string{"log/this-boot.txt"} {
		parts = append(parts, Part{Name: name, Get: endless, End: true})
	}
	files, _ := write(t, Options{Parts: append([]Part{fixed("status.txt", "gw-042  OK\n", nil)}, parts...)})
	if files["status.txt"] == "" {
		t.Error("no room for the status")
	}
	for _, p := range parts {
		if got := files[p.Name]; !strings.HasSuffix(got, "the end\n") || len(got) > maxPart+100 {
			t.Errorf("%s: %d bytes that end with %q", p.Name, len(got), got[max(0, len(got)-40):])
		}
	}
}

// TestInterruptedBundleIsNone: what was collected until then would pass for all.
func TestInterruptedBundleIsNone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	interrupt := Part{Name: "a", Get: func(context.Context) ([]byte, error) { cancel(); return []byte("x\n"), nil }}
	var b bytes.Buffer
	if _, err := Write(ctx, &b, Options{Parts: []Part{interrupt}}); !errors.Is(err, context.Canceled) || b.Len() > 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
}

// hexLines writes data so that no line looks like a key.
func hexLines(data []byte) string {
	var b strings.Builder
	for len(data) > 12 {
		b.WriteString(hex.EncodeToString(data[:12]) + "\n")
		data = data[12:]
	}
	return b.String()
}

func TestHangingPartIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := Part{Name: "slow", Get: func(ctx context.Context) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		files, s := write(t, Options{Parts: []Part{hang, fixed("a", "x\n", nil)}})
		if files["a"] == "" || len(s.Missing) != 1 {
			t.Errorf("%v, %+v", files, s)
		}
	})
}

// TestSystem plants a secret in every file that is copied.
func TestSystem(t *testing.T) {
	root := t.TempDir()
	for _, f := range files {
		name := filepath.Join(root, f.path)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("nameserver 192.0.2.1\npassword="+planted+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	unpacked, _ := write(t, Options{Parts: System(root)})
	for _, f := range files {
		if got := unpacked[f.name]; got != "nameserver 192.0.2.1\npassword=[...]\n" {
			t.Errorf("%s: %q", f.name, got)
		}
	}
	if !strings.Contains(unpacked["system/uname.txt"], "Linux") {
		t.Errorf("uname: %q", unpacked["system/uname.txt"])
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	huge := filepath.Join(dir, "huge")
	if err := errors.Join(os.WriteFile(huge, nil, 0o600), os.Truncate(huge, 1<<40)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{filepath.Join(dir, "none"): "not there", pipe: "no file", dir: "no file", "/dev/zero": "no file"} {
		if _, err := ReadFile(name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if data, err := ReadFile(huge); err != nil || len(data) != maxPart+1 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestMissingProgram(t *testing.T) {
	if _, err := output(t.Context(), "no-such-program-here"); err == nil || !strings.Contains(err.Error(), "is not installed") {
		t.Errorf("%v", err)
	}
	if data, err := output(t.Context(), "sh", "-c", "echo it broke >&2; exit 3"); err != nil || string(data) != "it broke\n" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := output(t.Context(), "false"); err == nil {
		t.Error("a silent failure has no error")
	}
}
