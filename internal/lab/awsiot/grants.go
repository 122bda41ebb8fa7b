package awsiot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Grants is an AWS IoT policy, as far as a device meets it: iot:Connect,
// iot:Subscribe, iot:Receive, iot:Publish and iot:RetainPublish, with wildcards,
// thing variables and the conditions that a VPC endpoint and a session know. A
// policy with anything else is refused, so that none is misread.
// https://docs.aws.amazon.com/iot/latest/developerguide/iot-policies.html
type Grants struct {
	thing      string
	vpce       string // where connections come from
	statements []statement
}

type statement struct {
	Sid       string
	Effect    string
	Action    words
	Resource  words
	Condition map[string]map[string]words
}

// words is a text or a list of texts.
type words []string

// UnmarshalJSON implements json.Unmarshaler.
func (w *words) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(w))
}

// ParseGrants reads a policy document for a device that is attached to thing and
// whose connections come through the VPC endpoint vpce, "" for the internet.
func ParseGrants(document []byte, thing, vpce string) (*Grants, error) {
	var policy struct {
		Version   string
		Statement []statement
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&policy); err != nil {
		return nil, fmt.Errorf("reading a policy: %w", err)
	}
	if policy.Version != "2012-10-17" { // variables mean nothing before
		return nil, fmt.Errorf("reading a policy: version %q", policy.Version)
	}
	g := &Grants{thing: thing, vpce: vpce, statements: policy.Statement}
	for i, s := range g.statements {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("reading statement %d of a policy: %w", i+1, err)
		}
	}
	return g, nil
}

// check refuses what allows does not know.
func (s statement) check() error {
	if s.Effect != "Allow" && s.Effect != "Deny" {
		return fmt.Errorf("effect %q", s.Effect)
	}
	if len(s.Action) == 0 || len(s.Resource) == 0 {
		return fmt.Errorf("no action or no resource")
	}
	for operator, keys := range s.Condition {
		for key := range keys {
			if !slices.Contains([]string{
				"Bool iot:Connection.Thing.IsAttached", "StringEquals aws:SourceVpce", "ForAllValues:StringEquals iot:ConnectAttributes",
			}, operator+" "+key) {
				return fmt.Errorf("condition %s %s", operator, key)
			}
		}
	}
	return nil
}

// Attributes of a CONNECT that a policy may speak about.
const (
	persistentConnect = "PersistentConnect"
	lastWill          = "LastWill"
)

// Allows reports whether the policy permits action on a resource such as
// client/gw-042 or topic/a/b. attributes are those of the CONNECT. What nothing
// allows is forbidden, and what anything denies as well.
func (g *Grants) Allows(action, resource string, attributes ...string) bool {
	allowed := false
	for _, s := range g.statements {
		if !s.Action.match(action, g.thing) || !s.onResource(resource, g.thing) || !s.holds(g, attributes) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

// match reports whether one of the patterns fits text.
func (w words) match(text, thing string) bool {
	return slices.ContainsFunc(w, func(pattern string) bool {
		return wildcard(strings.ReplaceAll(pattern, "${iot:Connection.Thing.ThingName}", thing), text)
	})
}

// onResource compares what follows the account in each ARN.
func (s statement) onResource(resource, thing string) bool {
	var short words
	for _, arn := range s.Resource {
		parts := strings.SplitN(arn, ":", 6) // arn:aws:iot:REGION:ACCOUNT:RESOURCE
		short = append(short, parts[len(parts)-1])
	}
	return short.match(resource, thing)
}

// holds reports whether all conditions are met.
func (s statement) holds(g *Grants, attributes []string) bool {
	for _, keys := range s.Condition {
		for key, accepted := range keys {
			switch {
			case key == "iot:Connection.Thing.IsAttached" && !slices.Contains(accepted, "true"),
				key == "aws:SourceVpce" && !slices.Contains(accepted, g.vpce):
				return false
			case key == "iot:ConnectAttributes":
				for _, a := range attributes {
					if !slices.Contains(accepted, a) {
						return false
					}
				}
			}
		}
	}
	return true
}

// wildcard reports whether text fits a pattern in which * is any text and ? any
// character.
func wildcard(pattern, text string) bool {
	if pattern == "" || text == "" {
		return strings.Trim(pattern, "*") == text
	}
	switch {
	case pattern[0] == '*':
		return wildcard(pattern[1:], text) || wildcard(pattern, text[1:])
	case pattern[0] == '?' || pattern[0] == text[0]:
		return wildcard(pattern[1:], text[1:])
	}
	return false
}
