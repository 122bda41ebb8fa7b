package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"
)

// Short tags of YAML's scalars.
const (
	tagNull  = "!!null"
	tagText  = "!!str"
	tagBool  = "!!bool"
	tagInt   = "!!int"
	tagFloat = "!!float"
)

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == tagNull }

// scalar reads a single value. The type decides what it may look like: YAML's
// own guesses (yes, 0x1F, 1:30) are not taken.
func (r *reader) scalar(path string, n *yaml.Node, v reflect.Value) {
	text := accepts(path)
	if n.Kind != yaml.ScalarNode {
		r.unreadable(path, "found "+describe(n), text, "write a single value")
		return
	}
	if isNull(n) {
		r.unreadable(path, "no value", text, `write one, or delete the line`)
		return
	}
	if strings.ContainsFunc(n.Value, unicode.IsControl) {
		r.unreadable(path, "found several lines or a control character", text, oneLineTodo(n.Value))
		return
	}
	if todo := set(v, n); todo != "" {
		r.unreadable(path, "found "+describe(n), text, todo)
	}
}

func oneLineTodo(found string) string {
	if strings.Contains(found, pemMark) {
		return savePEM
	}
	return "write it on one line"
}

// set parses n into v. If it cannot, it says what to write instead.
func set(v reflect.Value, n *yaml.Node) (todo string) {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = n.Value
		return unless(n.ShortTag() == tagText, "put it in quotes")
	case *bool:
		*p = n.Value == "true"
		return unless(n.ShortTag() == tagBool && (*p || n.Value == "false"), "write true or false, without quotes")
	case *int:
		i, err := strconv.Atoi(n.Value)
		*p = i
		return unless(n.ShortTag() == tagInt && err == nil, "write a whole number, without quotes")
	case *uint16:
		i, err := strconv.ParseUint(n.Value, 10, 16)
		*p = uint16(i)
		return unless(n.ShortTag() == tagInt && err == nil, "write a whole number of at most 65535, without quotes")
	case *time.Duration:
		d, err := time.ParseDuration(n.Value)
		*p = d
		return unless(err == nil && n.ShortTag() == tagText, durationTodo(n.Value))
	case *netip.Addr:
		a, err := netip.ParseAddr(n.Value)
		*p = a.Unmap()
		return unless(err == nil, "write an IP address, without port or range")
	case *netip.AddrPort:
		if n.Value == "" && n.ShortTag() == tagText { // none; validate knows where that will not do
			*p = netip.AddrPort{}
			return ""
		}
		a, err := netip.ParseAddrPort(n.Value)
		*p = netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) // as the system writes it
		return unless(err == nil, "write ADDRESS:PORT")
	case *netip.Prefix:
		a, err := netip.ParsePrefix(n.Value)
		*p = a
		return unless(err == nil, "write ADDRESS/BITS")
	}
	panic("config: no way to read a " + v.Type().String())
}

// unless returns todo if the value is not ok.
func unless(ok bool, todo string) string {
	if ok {
		return ""
	}
	return todo
}

// durationTodo says how to write a duration. A bare number is the commonest
// mistake, and guessing seconds would hide it.
func durationTodo(found string) string {
	if _, err := strconv.Atoi(found); err == nil {
		return "add the unit, such as " + found + "s"
	}
	return "write a number and a unit (ms, s, m, h), such as 90s or 1h30m"
}

// pemMark begins every line of PEM that names what follows.
const pemMark = "-----BEGIN"

const savePEM = "save it to a file that only root and edgeagent can read, and write the path of that file"

// describe names what was found. It never shows a key or certificate that was
// pasted in place of its path.
func describe(n *yaml.Node) string {
	const most = 80
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind == yaml.MappingNode:
		return "a section"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	case strings.Contains(n.Value, pemMark):
		return "PEM text"
	case len(n.Value) > most:
		return fmt.Sprintf("a text of %d bytes", len(n.Value))
	}
	switch n.ShortTag() {
	case tagText:
		return strconv.Quote(n.Value)
	case tagBool:
		return "the word " + n.Value
	case tagInt, tagFloat:
		return "the number " + n.Value
	}
	return fmt.Sprintf("%q with the tag %s", n.Value, n.ShortTag())
}
