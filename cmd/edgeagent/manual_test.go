package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"edgeagent/internal/config"
)

// writtenManual has the program write its manual into a directory.
func writtenManual(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	root := newRootCommand(nil)
	root.SetArgs([]string{"manual", "../..", dir})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// page returns a page as its readers search it.
func page(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), `\-`, "-")
}

func TestManualHasEveryCommandAndFlag(t *testing.T) {
	text := page(t, writtenManual(t), "edgeagent.8")
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				look(sub)
			}
		}
		if c.HasAvailableSubCommands() {
			return
		}
		_, section, found := strings.Cut(text, `.SS "`+c.CommandPath())
		if !found {
			t.Errorf("edgeagent(8) lacks %s", c.CommandPath())
		}
		section, _, _ = strings.Cut(section, "\n.S")
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if c.Name() != "localproxy" && f.Name != "help" && !f.Hidden && !strings.Contains(section, "--"+f.Name) {
				t.Errorf("edgeagent(8) lacks --%s of %s", f.Name, c.CommandPath())
			}
		})
	}
	look(newRootCommand(nil))
	if strings.Contains(text, "manual SOURCE") {
		t.Error("edgeagent(8) shows a command that is for the package's build")
	}
}

func TestManualHasEveryKeyWithWhatItAccepts(t *testing.T) {
	text := page(t, writtenManual(t), "edgeagent.yaml.5")
	look := func(key, accepts string) {
		_, entry, found := strings.Cut(text, ".B \""+key+"\"\n")
		entry, _, _ = strings.Cut(entry, ".TP")
		if !found || !strings.Contains(entry, "Accepts "+accepts+".") {
			t.Errorf("edgeagent.yaml(5) has for %s: %q", key, entry)
		}
	}
	sections := reflect.TypeFor[config.Config]()
	for i := range sections.NumField() {
		section, keys := sections.Field(i).Tag.Get("yaml"), sections.Field(i).Type
		accepts, alone := sections.Field(i).Tag.Lookup("accepts")
		switch {
		case keys.Kind() == reflect.Slice:
			keys = keys.Elem()
		case alone:
			look(section, accepts)
			continue
		}
		for j := range keys.NumField() {
			look(section+"."+keys.Field(j).Tag.Get("yaml"), keys.Field(j).Tag.Get("accepts"))
		}
	}
}

// The page tells every exit status and every variable that commands look at.
func TestManualHasExitStatusesAndVariables(t *testing.T) {
	text := page(t, writtenManual(t), "edgeagent.8")
	section := func(name string) string {
		_, s, _ := strings.Cut(text, ".SH "+name+"\n")
		s, _, _ = strings.Cut(s, "\n.SH ")
		return s + "\n"
	}
	for code := range 10 {
		known := code == exitOK || code == exitNotOK || code == exitUsage || code == exitUnreachable
		if got := strings.Contains(section("EXIT STATUS"), fmt.Sprintf(".B %d\n", code)); got != known {
			t.Errorf("exit status %d: told %t, want %t", code, got, known)
		}
	}
	for _, name := range []string{envClientRuntimeDir, envRuntimeDir, envStateDir, "LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR", "TERM"} {
		if !strings.Contains(section("ENVIRONMENT"), name) {
			t.Errorf("edgeagent(8) lacks %s", name)
		}
	}
}

func TestManualRendersWithoutWarnings(t *testing.T) {
	man := program(t, "man")
	dir := writtenManual(t)
	for _, file := range []string{
		filepath.Join(dir, "edgeagent.8"), filepath.Join(dir, "edgeagent.yaml.5"), "../../docs/man/edgeagent-localproxy.1",
	} {
		cmd := exec.CommandContext(t.Context(), man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", file)
		var complaints strings.Builder
		cmd.Stderr = &complaints
		cmd.Env = append(os.Environ(), "MANROFFSEQ=", "LC_ALL=C.UTF-8")
		if err := cmd.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v\n%s", filepath.Base(file), err, complaints.String())
		}
	}
}

// program skips the test where a program is not installed.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("needs the program " + name)
	}
	return path
}

// completing asks a real shell what it offers after "edgeagent " and a word.
var completing = map[string]struct{ file, script string }{
	"bash": {"edgeagent", `. "$DIR/edgeagent"
		# What the package bash-completion does for it.
		_init_completion() { cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; }
		__ltrim_colon_completions() { :; }
		COMP_WORDS=(edgeagent $WORDS "$LAST"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="edgeagent $WORDS $LAST"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
		__start_edgeagent; printf '%s\n' "${COMPREPLY[@]}"`},
	"zsh": {"_edgeagent", `autoload -Uz compinit; compinit -D
		. "$DIR/_edgeagent"
		_describe() { local name=${@[-1]}; print -rl -- ${(P)name}; }
		compdef() { :; }; words=(edgeagent ${=WORDS} "$LAST"); CURRENT=$#words; service=edgeagent
		_edgeagent`},
	"fish": {"edgeagent.fish", `source "$DIR/edgeagent.fish"
		complete --do-complete "edgeagent $WORDS $LAST"`},
}

func TestCompletionInRealShells(t *testing.T) {
	dir := writtenManual(t)
	bin := builtProgram(t)
	for shell, how := range completing {
		t.Run(shell, func(t *testing.T) {
			path := program(t, shell)
			for _, tc := range []struct{ words, last, want, not string }{
				{"", "sta", "status", "link"},
				{"link", "", "restart", "status"},
				{"status", "--js", "--json", "--watch"},
				{"completion", "z", "zsh", "fish"},
				{"", "man", "", "manual"},
			} {
				cmd := exec.CommandContext(t.Context(), path, "-c", how.script)
				cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "DIR="+dir, "WORDS="+tc.words, "LAST="+tc.last, "PATH="+bin+":"+os.Getenv("PATH"))
				out, err := cmd.CombinedOutput()
				if err != nil && tc.want != "" {
					t.Errorf("%v\n%s", err, out)
				}
				if got := string(out); !strings.Contains(got, tc.want) || strings.Contains(got, tc.not) {
					t.Errorf("edgeagent %s %s: offered %q, want %q and not %q", tc.words, tc.last, got, tc.want, tc.not)
				}
			}
		})
	}
}

// builtProgram builds edgeagent, which the scripts ask, and returns its directory.
func builtProgram(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/edgeagent", ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}
