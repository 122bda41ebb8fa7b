package tunnel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// notification is an accepted notify message.
// https://docs.aws.amazon.com/iot/latest/developerguide/secure-tunneling-concepts.html
type notification struct {
	token    string
	services []string // names in the allow-list, never empty
	nameless bool     // the tunnel was opened without services; services has the only one there is
}

// key is equal for notifications that ask for the same services. It is all
// that ties a rotated token to its tunnel: the message has no tunnel id.
func (n notification) key() string {
	return strings.Join(slices.Sorted(slices.Values(n.services)), ",")
}

// notifyTopic is where AWS IoT sends a thing its tunnels.
func notifyTopic(thing string) string { return "$aws/things/" + thing + "/tunnels/notify" }

// accepts says which notifications are for this device.
type accepts struct {
	region   string
	services map[string]string // the allow-list, name to address
}

// parse reads a notify message. Unknown keys are left alone, for AWS may add
// some; everything else is refused, and no error ever holds the token.
func (a accepts) parse(payload []byte) (notification, *fault) {
	object, err := parseObject(payload)
	if err != nil {
		return notification{}, malformed(err.Error())
	}
	token, f := tokenOf(object)
	if f != nil {
		return notification{}, f
	}
	n := notification{token: token}
	if f = a.check(object, &n); f != nil {
		return notification{}, f
	}
	return n, nil
}

// quote makes a text of the sender's choice fit for a log line. It may be the
// token itself, in the wrong field.
func (n notification) quote(s string) string { return clean(redact(s, n.token), maxQuoted) }

// check holds the rest of the message against what this device takes.
func (a accepts) check(object map[string]any, n *notification) *fault {
	mode, f := text(object, "clientMode")
	if f != nil {
		return f
	}
	if mode != "destination" {
		return refusal("clientMode is %q, this device is only ever the destination", n.quote(mode))
	}
	region, f := text(object, "region")
	if f != nil {
		return f
	}
	if region != a.region {
		return refusal("the tunnel is in region %q, this device in %s", n.quote(region), a.region)
	}
	names, f := n.serviceNames(object)
	if f != nil {
		return f
	}
	return a.allow(names, n)
}

// allow fills in the services if all of names are in the allow-list.
func (a accepts) allow(names []string, n *notification) *fault {
	known := strings.Join(slices.Sorted(maps.Keys(a.services)), ", ")
	if len(names) == 0 {
		if len(a.services) != 1 {
			return refusal("the tunnel names no service, and there are several to choose from: %s", known)
		}
		n.nameless, n.services = true, []string{known}
		return nil
	}
	for _, name := range names {
		if _, ok := a.services[name]; !ok {
			return refusal("service %q is not in tunnel.services (%s)", n.quote(name), known)
		}
	}
	n.services = names
	return nil
}

// tokenOf returns the access token. It travels in an HTTP header and in the
// environment, so nothing but printable ASCII can be right.
func tokenOf(object map[string]any) (string, *fault) {
	token, f := text(object, "clientAccessToken")
	switch {
	case f != nil:
		return "", f
	case token == "":
		return "", malformed("clientAccessToken is empty")
	case len(token) > maxToken:
		return "", malformed(fmt.Sprintf("clientAccessToken is longer than %d bytes", maxToken))
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", malformed("clientAccessToken has a space or another character that no token has")
	}
	return token, nil
}

// serviceNames returns the names in the field services, none if it is absent
// or empty: a tunnel opened without services.
func (n notification) serviceNames(object map[string]any) ([]string, *fault) {
	v, ok := object["services"]
	if !ok {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, malformed("services is not a list")
	}
	var names []string
	for _, item := range list {
		name, ok := item.(string)
		switch {
		case !ok:
			return nil, malformed("services has something that is not a string")
		case !validService(name):
			return nil, refusal("%q is not a service's name: 1..128 of a-z, A-Z, 0-9, :, _ and -", n.quote(name))
		case slices.Contains(names, name):
			return nil, refusal("service %q is named twice", n.quote(name))
		}
		names = append(names, name)
	}
	return names, nil
}

// validService reports whether name is one that AWS allows.
// https://docs.aws.amazon.com/iot/latest/apireference/API_iot-secure-tunneling_DestinationConfig.html
func validService(name string) bool {
	if name == "" || len(name) > maxService {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(":_-", r))
	})
}

// text returns a field that must be there and must be a string.
func text(object map[string]any, key string) (string, *fault) {
	v, ok := object[key]
	if !ok {
		return "", malformed(key + " is missing")
	}
	s, ok := v.(string)
	if !ok {
		return "", malformed(key + " is not a string")
	}
	return s, nil
}

// malformed is the fault of bytes that are no notification at all. All its
// causes share one kind: garbage has too many shapes for a line each.
func malformed(what string) *fault { return refusal("malformed notification: %s", what) }
