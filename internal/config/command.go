package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// packagedDir holds the configuration and what belongs to it.
const packagedDir = "/etc/edgeagent/"

// exampleFile is the least configuration, as the package ships it.
const exampleFile = "/usr/share/doc/edgeagent/examples/minimal.yaml"

// placeholder stands for a file that only the reader of a command has.
const placeholder = "FILE"

// Modes of what only root changes and only the agent reads.
const (
	secretMode = "640"
	dirMode    = "750"
	ownMode    = "600" // where one user owns and reads
)

// install is the command that puts a file where u can read it and only root can
// change it.
func (u User) install(from, to string) string {
	options := "-g " + u.Group + " -m " + secretMode
	switch {
	case u.UID == 0:
		options = "-m " + ownMode
	case u.Bystander:
		options = "-g " + ServiceUser + " -m " + secretMode
	case u.Name != ServiceUser:
		options = "-o " + u.Name + " -g " + u.Group + " -m " + ownMode
	}
	if _, err := os.Stat(filepath.Dir(to)); err != nil {
		options = "-D " + options
	}
	return fmt.Sprintf("sudo install %s %s %s", options, shellWord(from), shellWord(to))
}

// grant are the commands that let u read the file, or enter the directory, s.
func (u User) grant(s step) []string {
	owner, mode := "root:"+u.Group, secretMode
	if s.dir {
		mode = dirMode
	}
	if u.Name != ServiceUser {
		owner, mode = u.Name, "u+r"
		if s.dir {
			mode = "u+rx"
		}
	}
	return []string{
		fmt.Sprintf("sudo chown %s %s", owner, shellWord(s.path)),
		fmt.Sprintf("sudo chmod %s %s", mode, shellWord(s.path)),
	}
}

// rewrite is the command that has program make a new content of file, whose
// owner and mode stay. program takes -in and -out.
func rewrite(program, file string) string {
	word := shellWord(file)
	script := fmt.Sprintf("umask 077 && %s -in %s -out %s.new && cat %s.new >%s && rm %s.new", program, word, word, word, word, word)
	return "sudo sh -c " + shellWord(script)
}

// addPair is the command that adds a certificate and its key to an .ovpn file.
func addPair(file string) string {
	return "sudo sh -c " + shellWord(`printf "<cert>\n%s\n</cert>\n<key>\n%s\n</key>\n" "$(cat CERTIFICATE)" "$(cat KEY)" >>`+shellWord(file))
}

// plainWord are the bytes that a shell takes as they are.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%=,"

// shellWord quotes text for a shell where that is needed.
func shellWord(text string) string {
	if text != "" && strings.Trim(text, plainWord) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
