package config

import (
	"net/netip"
	"reflect"
	"strings"
)

var configType = reflect.TypeFor[Config]()

// field is one key of a section.
type field struct {
	name    string
	index   int
	typ     reflect.Type
	accepts string
	only    string // the type of link that the key belongs to
	form    string
}

// formOneOrList marks a list that may be written as its only item.
const formOneOrList = "one-or-list"

// fields returns the keys of a section in their order.
func fields(section reflect.Type) []field {
	all := make([]field, section.NumField())
	for i := range all {
		f := section.Field(i)
		all[i] = field{
			name: f.Tag.Get("yaml"), index: i, typ: f.Type,
			accepts: f.Tag.Get("accepts"), only: f.Tag.Get("only"), form: f.Tag.Get("form"),
		}
	}
	return all
}

func lookup(section reflect.Type, name string) (field, bool) {
	for _, f := range fields(section) {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// isSection reports whether t is a group of keys, not a value such as an address.
func isSection(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[netip.Prefix]():
		return false
	}
	return t.Kind() == reflect.Struct
}

// keysOf lists the keys of a section for a reader.
func keysOf(section reflect.Type) string {
	var names []string
	for _, f := range fields(section) {
		names = append(names, f.name)
	}
	return "the keys " + strings.Join(names, ", ")
}

// accepts returns what the key at path takes, such as links[0].name.
func accepts(path string) string {
	t, text := configType, ""
	for name := range strings.SplitSeq(path, ".") {
		name, _, item := strings.Cut(name, "[")
		if !isSection(t) {
			break
		}
		f, ok := lookup(t, name)
		if !ok {
			break
		}
		t, text = f.typ, f.accepts
		if item && isSection(t.Elem()) {
			t, text = t.Elem(), ""
		}
	}
	if text == "" && isSection(t) {
		return keysOf(t)
	}
	return text
}

// parent cuts the last step off path: links[0].name, links[0], links, "".
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// within reports whether inner is outer or a key inside it.
func within(inner, outer string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (outer == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
