package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Who may take a step follows the kernel's rule: the first of owner, group and
// others that fits decides, even if a later one would allow it.
func TestLets(t *testing.T) {
	u := User{UID: 7, GID: 70, Groups: []int{71}}
	tests := []struct {
		name     string
		dir      bool
		uid, gid int
		mode     fs.FileMode
		want     bool
	}{
		{"owner", false, 7, 0, 0o400, true},
		{"owner shut out", false, 7, 70, 0o044, false},
		{"group", false, 0, 70, 0o040, true},
		{"other group of his", false, 0, 71, 0o040, true},
		{"group shut out", false, 0, 70, 0o604, false},
		{"others", false, 0, 0, 0o004, true},
		{"others shut out", false, 0, 0, 0o660, false},
		{"directory to enter", true, 0, 70, 0o010, true},
		{"directory to list only", true, 0, 70, 0o040, false},
		{"directory of others", true, 0, 0, 0o001, true},
	}
	for _, tt := range tests {
		s := step{dir: tt.dir, uid: tt.uid, gid: tt.gid, mode: tt.mode}
		if got := s.lets(u); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		if !s.lets(User{UID: 0}) {
			t.Errorf("%s: not even root", tt.name)
		}
	}
}

func TestBlameTheFirstStep(t *testing.T) {
	way := []step{{path: "/", dir: true, mode: 0o755}, {path: "/a", dir: true, mode: 0o700}, {path: "/a/b", dir: true, mode: 0o700}, {path: "/a/b/c", mode: 0o600}}
	if s, ok := blame(way, User{UID: 7}); !ok || s.path != "/a" {
		t.Errorf("blamed %v, %v", s, ok)
	}
	if s, ok := blame(way[:1], User{UID: 7}); ok {
		t.Errorf("blamed %v", s)
	}
}

// stranger reads files as the packaged service does: neither owner nor root.
// The group exists on every Debian.
func stranger() User {
	return User{Name: ServiceUser, Group: "nogroup", UID: 65534, GID: 65534}
}

// open lets everybody into a temporary directory, and gives the files in it to
// the user's group as the installation guide does.
func open(t *testing.T, dir string, u User) {
	t.Helper()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.Chown(file, 0, u.GID); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

// Root judges as the service: what the kernel would refuse it is a fault, with
// what is in its way, and with the commands that let it through.
func TestJudgedAsTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: to look at files as another user")
	}
	const denied = "cannot be read by user edgeagent"
	tests := []struct {
		name, spoil string // a shell command in the directory
		want        string
		commands    []string
	}{
		{"key of root alone", "chmod 600 key.pem",
			"DIR/key.pem (root:nogroup, mode 0600) " + denied + "; accepted: the absolute path of a PEM file; give it to the group nogroup",
			[]string{"sudo chown root:nogroup DIR/key.pem", "sudo chmod 640 DIR/key.pem"}},
		{"key of another group", "chgrp root key.pem", "DIR/key.pem (root:root, mode 0640) " + denied,
			[]string{"sudo chown root:nogroup DIR/key.pem", "sudo chmod 640 DIR/key.pem"}},
		{"configuration", "chown root:root edgeagent.yaml", "(root:root, mode 0640) " + denied,
			[]string{"sudo chown root:nogroup DIR/edgeagent.yaml", "sudo chmod 640 DIR/edgeagent.yaml"}},
		{"file that the .ovpn file names", "mkdir keys && cp key.pem keys && chmod 600 keys/key.pem && " +
			"printf 'remote a 1\\ncert cert.pem\\nkey keys/key.pem\\n' >client.ovpn",
			"DIR/client.ovpn:3: key: DIR/keys/key.pem (root:root, mode 0600) " + denied + "; accepted: a PEM file with the private key",
			[]string{"sudo chown root:nogroup DIR/keys/key.pem", "sudo chmod 640 DIR/keys/key.pem"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, file := install(t, minimal)
			open(t, dir, stranger())
			shell(t, dir, tt.spoil)
			f := onlyFault(t, Examine(file, stranger()))
			for i := range tt.commands {
				tt.commands[i] = strings.ReplaceAll(tt.commands[i], "DIR", dir)
			}
			if !strings.Contains(f.Error(), strings.ReplaceAll(tt.want, "DIR", dir)) || !slices.Equal(f.Commands, tt.commands) || f.Kind != Unreadable {
				t.Errorf("%s: %v\n%q", f.Kind, f, f.Commands)
			}
			obey(t, f)
			if again := Examine(file, stranger()); again.Err() != nil || len(again.Warnings) > 0 {
				t.Errorf("after %q: %v %v", f.Commands, again.Faults, again.Warnings)
			}
			if again := Examine(file, Self()); again.Err() != nil {
				t.Errorf("root itself is refused: %v", again.Faults)
			}
		})
	}
}

func shell(t *testing.T, dir, command string) {
	t.Helper()
	obey(t, Fault{Commands: []string{"sudo cd " + shellWord(dir) + " && " + command}})
}

// A directory in the way is named, not the file behind it. One outside the
// package's own is not opened: the file is to be moved.
func TestDirectoryInTheWay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: to look at files as another user")
	}
	dir, file := install(t, strings.Replace(minimal, "key: DIR/key.pem", "key: DIR/home/key.pem", 1))
	open(t, dir, stranger())
	shell(t, dir, "mkdir home && mv key.pem home && chmod 700 home")
	f := onlyFault(t, Examine(file, stranger()))
	want := dir + "/home/key.pem cannot be read by user edgeagent: the directory " + dir + "/home (root:root, mode 0700) is closed to it; " +
		"accepted: the absolute path of a PEM file; move the file to /etc/edgeagent/ and write its new path"
	if f.Message != want || !slices.Equal(f.Commands, []string{"sudo install -D -g nogroup -m 640 " + dir + "/home/key.pem /etc/edgeagent/key.pem"}) {
		t.Errorf("%s\n%q", f.Message, f.Commands)
	}
	way := []step{{path: "/etc/edgeagent/certs", dir: true, mode: 0o700}}
	if got := stranger().closed("/etc/edgeagent/certs/a.pem", way[0]).commands; !slices.Equal(got,
		[]string{"sudo chown root:nogroup /etc/edgeagent/certs", "sudo chmod 750 /etc/edgeagent/certs"}) {
		t.Errorf("the package's own directory: %q", got)
	}
}

// The kernel's word counts, not a reading of modes: nobody has root's privileges
// on the thread that looks.
func TestDoHasNoPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: to look at files as another user")
	}
	dir := t.TempDir()
	open(t, dir, stranger())
	secret := filepath.Join(dir, "secret")
	write(t, secret, []byte("x"))
	if _, err := stranger().read(secret, 1); !os.IsPermission(err) {
		t.Errorf("read as nobody: %v", err)
	}
	if _, err := os.ReadFile(secret); err != nil {
		t.Errorf("this process has lost its privileges: %v", err)
	}
	if err := os.Chown(secret, 65534, 0); err != nil {
		t.Fatal(err)
	}
	if data, err := stranger().read(secret, 1); err != nil || string(data) != "x" {
		t.Errorf("read as owner: %q, %v", data, err)
	}
}

// What the sandbox of the unit hides is a fault, although root can read it.
func TestHiddenFromTheService(t *testing.T) {
	u := Self()
	u.Sandboxed = true
	dir, file := install(t, minimal)
	if !strings.HasPrefix(dir, "/tmp/") {
		t.Skip("the temporary directory is not in /tmp")
	}
	r := Examine(file, u)
	if len(r.Faults) != 4 || r.Faults[0].Kind != HiddenFile ||
		!strings.Contains(r.Faults[0].Message, dir+"/client.ovpn is where the service cannot see it: /home/, /root/, ") ||
		r.Faults[0].Commands[0] != u.install(dir+"/client.ovpn", "/etc/edgeagent/client.ovpn") {
		t.Errorf("%v", r.Faults)
	}
}

// Somebody who only looks is not told to take the service's files.
func TestBystander(t *testing.T) {
	u := User{Name: "pi", Group: "pi", UID: 1000, GID: 1000, Bystander: true}
	if a := u.refusal("/etc/edgeagent/edgeagent.yaml"); a.found != "cannot be read by user pi" || a.todo != "ask as root, with sudo" || a.commands != nil {
		t.Errorf("%+v", a)
	}
	if got, want := u.install("a b", "/etc/x"), "sudo install -g edgeagent -m 640 'a b' /etc/x"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestInstallCommand(t *testing.T) {
	for want, u := range map[string]User{
		"sudo install -m 600 FILE /etc/x":              {UID: 0, Group: "root", Name: "root"},
		"sudo install -o pi -g pi -m 600 FILE /etc/x":  {UID: 1000, Group: "pi", Name: "pi"},
		"sudo install -g edgeagent -m 640 FILE /etc/x": {UID: 999, Group: "edgeagent", Name: "edgeagent"},
	} {
		if got := u.install("FILE", "/etc/x"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{"/a/b-c.pem": "/a/b-c.pem", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "キー": "'キー'"} {
		if got := shellWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
