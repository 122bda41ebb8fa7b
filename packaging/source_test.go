package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Every licence asks for this.
func TestCopyrightNamesEveryModule(t *testing.T) {
	text, err := os.ReadFile("debian/copyright")
	if err != nil {
		t.Fatal(err)
	}
	modules := output(t, "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "edgeagent/cmd/edgeagent")
	for module := range strings.FieldsSeq(modules) {
		if module != "edgeagent" && !strings.Contains(string(text), " "+module+"/*") {
			t.Errorf("debian/copyright lacks %s", module)
		}
	}
}

// git runs git in a repository of the test's own.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=T", "-c", "user.email=t@example.com"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// An upgrade has to see each version as newer than the one before it.
func TestVersionsFollowTheHistory(t *testing.T) {
	needs(t, "git", "dpkg")
	dir := t.TempDir()
	script, err := os.ReadFile("../scripts/version.sh")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "scripts/version.sh"), script, 0o755); err != nil {
		t.Fatal(err)
	}
	version := func() string { return strings.TrimSpace(output(t, dir+"/scripts/version.sh")) }
	commit := func() { git(t, dir, "commit", "-q", "--allow-empty", "-m", "x") }

	versions := []string{version()}
	git(t, dir, "init", "-q")
	git(t, dir, "add", ".")
	for _, step := range []func(){
		commit, commit,
		func() { git(t, dir, "tag", "v0.1.0") },
		commit, commit,
		func() { git(t, dir, "tag", "v0.1.1") },
	} {
		step()
		versions = append(versions, version())
	}
	for i, v := range versions[1:] {
		output(t, "dpkg", "--compare-versions", versions[i], "lt", v)
	}
	if versions[3] != "0.1.0" || versions[6] != "0.1.1" {
		t.Errorf("with a tag: %q", versions)
	}
	if err := os.WriteFile(filepath.Join(dir, "scripts/version.sh"), append(script, '\n'), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := version(); got != "0.1.1+changes" {
		t.Errorf("with changes that are in no commit: %q", got)
	}
}
