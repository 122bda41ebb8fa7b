package config

import (
	"path/filepath"
	"slices"
	"strings"

	"edgeagent/internal/ovpn"
)

// profile is what an .ovpn file says about who the device is: the texts inside
// and the files that it names. What else it says is for OpenVPN.
type profile struct {
	texts []credential
	asks  []credential // options that would have somebody type something
	other bool         // there is a way to prove who the device is that is not looked at here
	isVPN bool         // it has a remote
}

// credential is a file that an .ovpn file names, or a text inside it.
type credential struct {
	option string
	line   int
	file   string // "" for a text inside
	text   string
}

// credentialOptions are the options of OpenVPN that name a file to read, by what
// the file is for.
// https://github.com/OpenVPN/openvpn/blob/release/2.6/doc/man-sections/tls-options.rst
var credentialOptions = map[string]role{
	"ca": roleCA, "cert": roleCert, "key": roleKey,
	"extra-certs": roleCert, "pkcs12": roleAny, "tls-auth": roleAny, "tls-crypt": roleAny, "tls-crypt-v2": roleAny,
	"crl-verify": roleAny, "auth-user-pass": roleAny, "askpass": roleAny,
}

// publicOptions are those of them that hold no secret.
var publicOptions = []string{"ca", "cert", "extra-certs", "crl-verify"}

// readProfile reads the text of an .ovpn file. Relative names are relative to
// its directory, where the agent starts OpenVPN.
func readProfile(file, text string) profile {
	var p profile
	dir := filepath.Dir(file)
	text = strings.TrimPrefix(text, "\ufeff")
	inside := credential{}
	for i, raw := range strings.Split(text, "\n") {
		raw = strings.TrimSuffix(raw, "\r")
		switch tag := ovpn.BlockTag(raw); {
		case inside.option != "" && strings.HasPrefix(strings.TrimSpace(raw), "</"+inside.option+">"):
			p.add(inside)
			inside = credential{}
		case inside.option != "":
			inside.text += raw + "\n"
		case tag == "connection":
		case tag != "":
			inside = credential{option: tag, line: i + 1}
		default:
			dir = p.option(i+1, ovpn.Tokens(raw), dir)
		}
	}
	return p
}

// option reads one line, and returns the directory of relative names from there
// on.
func (p *profile) option(line int, words []string, dir string) string {
	if len(words) == 0 {
		return dir
	}
	c := credential{option: strings.TrimPrefix(words[0], "--"), line: line}
	if len(words) > 1 {
		c.file = words[1]
	}
	switch {
	case c.option == "cd" && c.file != "":
		return absolute(c.file, dir)
	case c.option == "remote":
		p.isVPN = true
	case c.option == "auth-federate":
		p.asks = append(p.asks, c)
	case (c.option == "auth-user-pass" || c.option == "askpass") && c.file == "":
		p.asks = append(p.asks, c)
	case c.file == "" || c.file == "[inline]":
		// the text follows in a block
	default:
		if _, ok := credentialOptions[c.option]; ok {
			c.file = absolute(c.file, dir)
			p.add(c)
		}
	}
	p.other = p.other || slices.Contains([]string{"pkcs12", "pkcs11-id", "management-external-key", "auth-user-pass"}, c.option)
	return dir
}

// add notes a credential; the last of several counts, as for OpenVPN.
func (p *profile) add(c credential) {
	p.other = p.other || c.option == "pkcs12" || c.option == "auth-user-pass"
	p.texts = slices.DeleteFunc(p.texts, func(old credential) bool { return old.option == c.option })
	p.texts = append(p.texts, c)
}

// find returns the credential of that option.
func (p *profile) find(option string) (credential, bool) {
	i := slices.IndexFunc(p.texts, func(c credential) bool { return c.option == option })
	if i < 0 {
		return credential{}, false
	}
	return p.texts[i], true
}

func absolute(name, dir string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
