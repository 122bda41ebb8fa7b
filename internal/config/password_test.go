package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if _, err := Password(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("no file: %v", err)
	}
	for content, want := range map[string]string{
		"open sesame\n": "open sesame", "  open sesame \r\nsecond line": "open sesame", "八文字以上の言葉": "八文字以上の言葉",
		"": "", "\nopen sesame": "", "seven77": "", "\xff\xfe234567890": "",
	} {
		write(t, file, []byte(content))
		got, err := Password(file)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v, want %q", content, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "seven77") {
			t.Errorf("the error tells it: %v", err)
		}
	}
}

// Each fault's command mends it, and shows the password that was made.
func TestPasswordFile(t *testing.T) {
	const page = minimal + "status_page: 0.0.0.0:8787\nstatus_page_password_file: DIR/page password\n"
	for name, spoil := range map[string]struct {
		content string
		kind    Kind
		want    string
	}{
		"missing":   {"", MissingFile, "does not exist"},
		"too short": {"short\n", WrongContent, "holds no password: its first line is no password of 8 characters or more"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, config := install(t, page)
			file := dir + "/page password"
			if spoil.content != "" {
				write(t, file, []byte(spoil.content))
			}
			f := onlyFault(t, Examine(config, Self()))
			if f.Kind != spoil.kind || f.Key != keyPassword || !strings.HasPrefix(f.Message, file+" "+spoil.want) || len(f.Commands) != 1 {
				t.Fatalf("%s, %s: %s, commands %q", f.Kind, f.Key, f.Message, f.Commands)
			}
			obey(t, f)
			if r := Examine(config, Self()); len(r.Faults)+len(r.Warnings) > 0 {
				t.Errorf("afterwards: %v %v", r.Faults, r.Warnings)
			}
			if _, err := Password(file); err != nil {
				t.Error(err)
			}
		})
	}
}

// A password that everybody on the device can read is named, with what closes it.
func TestExposedPasswordFile(t *testing.T) {
	dir, config := install(t, minimal+"status_page: 127.0.0.1:8787\nstatus_page_password_file: DIR/word\n")
	write(t, dir+"/word", []byte("open sesame\n"))
	if err := os.Chmod(dir+"/word", 0o644); err != nil {
		t.Fatal(err)
	}
	r := Examine(config, Self())
	if len(r.Faults) != 0 || len(r.Warnings) != 1 || r.Warnings[0].Kind != Exposed {
		t.Fatalf("faults %v, warnings %v", r.Faults, r.Warnings)
	}
	if got := r.Warnings[0].Commands; len(got) != 1 || got[0] != "sudo chmod o-rwx "+dir+"/word" {
		t.Errorf("commands %q", got)
	}
}

// Without the page nobody needs its password.
func TestPasswordFileOfNoPage(t *testing.T) {
	_, config := install(t, minimal+"status_page_password_file: DIR/none\n")
	if r := Examine(config, Self()); len(r.Faults)+len(r.Warnings) > 0 {
		t.Errorf("%v %v", r.Faults, r.Warnings)
	}
}
