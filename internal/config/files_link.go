package config

import "slices"

// link looks at the files of a link whose OpenVPN the agent runs itself.
func (f *fileCheck) link(at string, l Link) {
	if l.Type != LinkOpenVPN {
		return
	}
	whole := spot{key: at + "config", as: roleProfile}
	// All three are looked at even if the first is missing: whoever brings files
	// to a device wants to know of all that lack.
	data, ok := f.look(whole, l.Config)
	cert, certThere := f.look(spot{key: at + "cert", as: roleCert}, l.Cert)
	key, keyThere := f.look(spot{key: at + "key", as: roleKey, secret: true}, l.Key)
	if !ok {
		return
	}
	p := readProfile(l.Config, string(data))
	if !p.isVPN {
		f.report(whole, WrongContent, l.Config+" is no OpenVPN client configuration: it has no remote",
			"put the file downloaded from AWS Client VPN there")
		return
	}
	f.asked(l.Config, p)
	// The link's own pair, unless the .ovpn file turns out to have one.
	pair := identity{cert: cert, key: key, keySpot: spot{key: at + "key"}, keyFile: l.Key, certThere: certThere, keyThere: keyThere}
	f.credentials(whole, l, p, &pair)
	_, hasKey := p.find("key")
	switch {
	case l.Cert != "" || p.other:
	case !pair.named:
		f.report(whole, NoClientCert, l.Config+" has no client certificate: AWS's download comes without one",
			"add <cert> and <key> to it, or set cert and key here", addPair(l.Config))
	case !hasKey: // OpenVPN ends at once
		f.report(whole, NoClientCert, l.Config+" has a client certificate without its private key",
			"add <key> to it, or set cert and key here")
	}
	if pair.certThere && pair.keyThere {
		f.pair(pair.keySpot, pair.keyFile, pair.cert, pair.key)
	}
}

// identity is the client's certificate and key, from wherever they are.
type identity struct {
	cert, key           []byte
	certThere, keyThere bool
	keySpot             spot
	keyFile             string
	named               bool // the .ovpn file names a certificate
}

// credentials looks at what the .ovpn file names or holds. The keys cert and key
// of the link take the place of its own.
func (f *fileCheck) credentials(whole spot, l Link, p profile, pair *identity) {
	exposed := false
	for _, c := range p.texts {
		known := credentialOptions[c.option]
		pair.named = pair.named || c.option == "cert"
		if l.Cert != "" && (known == roleCert || known == roleKey) {
			continue // OpenVPN is started with the link's own after the file's
		}
		at := spot{key: "", file: l.Config, line: c.line, option: c.option, as: known, secret: isSecret(c.option)}
		data, ok := f.credential(at, c, p)
		exposed = exposed || c.file == "" && at.secret
		switch {
		case !ok:
		case c.option == "cert":
			pair.cert, pair.certThere = data, true
		case c.option == "key":
			pair.key, pair.keyThere, pair.keySpot, pair.keyFile = data, true, at, orInside(c.file)
		}
	}
	if exposed {
		whole.secret = true
	}
	f.guard(whole, l.Config)
}

// credential judges a file, or a text inside.
func (f *fileCheck) credential(at spot, c credential, p profile) ([]byte, bool) {
	if _, ok := p.find("askpass"); ok && c.option == "key" {
		at.as = roleAny // OpenVPN knows the passphrase
	}
	if c.file != "" {
		return f.look(at, c.file)
	}
	// No command: what mends a file would destroy the rest of this one.
	if w := judge([]byte(c.text), at.as); w != nil {
		f.report(at, w.kind, "the text inside "+w.found, w.todo)
		return nil, false
	}
	return []byte(c.text), true
}

// asked notes options that wait for somebody to type or click something.
func (f *fileCheck) asked(file string, p profile) {
	for _, c := range p.asks {
		at := spot{file: file, line: c.line, option: c.option}
		if c.option == "auth-federate" {
			f.report(at, Interactive, "the endpoint wants people to sign on in a browser (SAML)",
				"give the device an endpoint with mutual (certificate) authentication")
			continue
		}
		f.report(at, Interactive, "asks for a password, and nobody is there to type it",
			"name a file after it that holds the answer, or delete the line")
	}
}

func isSecret(option string) bool {
	_, known := credentialOptions[option]
	return known && !slices.Contains(publicOptions, option)
}

func orInside(file string) string {
	if file == "" {
		return "the text inside"
	}
	return file
}
