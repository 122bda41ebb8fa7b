package config

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// minPassword is in characters. Who guesses is slowed down by the page.
const minPassword = 8

// errNoPassword means that a password file is of no use.
var errNoPassword = fmt.Errorf("its first line is no password of %d characters or more", minPassword)

// Password returns the first line of the file, without white space around it.
func Password(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the status page's password: %w", err)
	}
	word, err := password(data)
	if err != nil {
		return "", fmt.Errorf("reading the status page's password: %s: %w", file, err)
	}
	return word, nil
}

// password finds the password in the content of its file.
func password(data []byte) (string, error) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	word := bytes.TrimSpace(line)
	if !utf8.Valid(word) || utf8.RuneCount(word) < minPassword {
		return "", errNoPassword
	}
	return string(word), nil
}

// judgePassword is judge for a password file.
func judgePassword(data []byte) *flaw {
	if _, err := password(data); err != nil {
		return &flaw{WrongContent, "holds no password: " + err.Error(), "write one there", nil}
	}
	return nil
}

// makePassword is a command that writes a random password where u can read it,
// and shows it.
func (u User) makePassword(file string) string {
	put := strings.TrimPrefix(u.install("/dev/stdin", file), "sudo ")
	return "sudo sh -c " + shellWord("head -c 12 /dev/urandom | base64 | "+put+" && cat "+shellWord(file))
}
