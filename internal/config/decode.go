package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxValues bounds the walk, so that a short file whose aliases multiply costs
// no more than a long one.
const maxValues = 10_000

// reader fills a Config from a YAML tree. It does not stop at the first fault:
// whoever edits the file on a ladder should have to climb it once.
//
// It walks the tree itself, because yaml.v3's own decoder stops at an unknown
// key, gives no line for a missing one, and takes yes for true or 010 for 8.
type reader struct {
	file             string
	places           map[string]place // by path, of each key and item that the file holds
	broken           []string         // paths whose value could not be read
	faults, warnings Errors
	retired          []retired
	values           int // read so far
}

// place is where a key stands and what it holds.
type place struct {
	line  int
	value *yaml.Node
}

// given reports whether the file holds the key at path.
func (r *reader) given(path string) bool {
	_, ok := r.places[path]
	return ok
}

// line returns the line of the key at path, or of the section that should hold it.
func (r *reader) line(path string) int {
	for path != "" {
		if p, ok := r.places[path]; ok {
			return p.line
		}
		path = parent(path)
	}
	return 1
}

// fault notes a problem of the key at path and what to do about it. One that
// only follows from a value that could not be read is left out.
func (r *reader) fault(path, problem, todo string) {
	for _, b := range r.broken {
		if within(path, b) {
			return
		}
	}
	r.add(path, r.line(path), problem, accepts(path), todo)
}

// unfilled is fault for a value that is missing.
func (r *reader) unfilled(path, problem, todo string) {
	before := len(r.faults)
	r.fault(path, problem, todo)
	for i := range r.faults[before:] {
		r.faults[before+i].Kind = Unfilled
	}
}

// refuse is fault for the value at path: why says what is wrong with it.
func (r *reader) refuse(path, why, todo string) {
	found := "the default"
	if p, ok := r.places[path]; ok {
		found = "found " + describe(p.value)
	}
	r.fault(path, found+", "+why, todo)
}

// add notes a fault as it is.
func (r *reader) add(path string, line int, found, accepts, todo string) {
	r.faults = append(r.faults, newFault(BadValue, r.file, line, path, found, accepts, todo))
}

// unreadable notes that the value at path is of no use.
func (r *reader) unreadable(path, found, accepts, todo string) {
	r.add(path, r.line(path), found, accepts, todo)
	r.broken = append(r.broken, path)
}

// value reads n, the value of the key at path, into v.
func (r *reader) value(path string, n *yaml.Node, f field, v reflect.Value) {
	if r.values++; r.values > maxValues {
		if r.values == maxValues+1 {
			r.unreadable("", fmt.Sprintf("more than %d values", maxValues), "one gateway's settings",
				"remove the repeated aliases")
		}
		return
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case isSection(v.Type()):
		r.section(path, n, v)
	case v.Kind() == reflect.Slice:
		r.list(path, n, f, v)
	case v.Kind() == reflect.Map:
		r.table(path, n, v)
	default:
		r.scalar(path, n, v)
	}
}

// section reads a group of keys. One whose keys are all commented out is fine.
func (r *reader) section(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.unreadable(path, "found "+describe(n), keysOf(v.Type()), `write "key: value" lines below it`)
		return
	}
	r.pairs(path, n, func(name string, n *yaml.Node) {
		f, ok := lookup(v.Type(), name)
		if !ok {
			if name, ok = r.renamed(path, name, v.Type()); !ok {
				return
			}
			f, _ = lookup(v.Type(), name)
		}
		r.value(join(path, name), n, f, v.Field(f.index))
	})
}

// unknown refuses a key that the section does not have. Ignored, a misspelt
// private_cidrs would open what it was meant to close.
func (r *reader) unknown(path, name string, section reflect.Type) {
	todo := "delete the line"
	if s := suggest(section, name); s != "" {
		todo = "did you mean " + s + "?"
	}
	r.unreadable(join(path, printable(name)), "unknown key", keysOf(section), todo)
}

// pairs calls each for every key of the mapping n, and notes its line. YAML
// itself forbids a key given twice; which of the two was meant, nobody knows.
func (r *reader) pairs(path string, n *yaml.Node, each func(name string, value *yaml.Node)) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || isNull(key) {
			r.add(path, key.Line, "a key that is "+describe(key), "a plain word", "write the key as one word")
			continue
		}
		at := join(path, printable(key.Value))
		if first, ok := r.places[at]; ok {
			r.add(at, key.Line, fmt.Sprintf("given twice, first on line %d", first.line), "each key once", "delete one of the two")
			continue
		}
		r.places[at] = place{key.Line, n.Content[i+1]}
		each(key.Value, n.Content[i+1])
	}
}

// list reads a list, which replaces the default one as a whole.
func (r *reader) list(path string, n *yaml.Node, f field, v reflect.Value) {
	items := n.Content
	switch {
	case f.form == formOneOrList && n.Kind == yaml.ScalarNode && !isNull(n):
		items = []*yaml.Node{n}
	case isNull(n):
		r.unreadable(path, "no value", f.accepts, "write one, or delete the line")
		return
	case n.Kind != yaml.SequenceNode:
		r.unreadable(path, "found "+describe(n), f.accepts, listTodo(v.Type().Elem()))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		at := path + "[" + strconv.Itoa(i) + "]"
		r.places[at] = place{item.Line, item}
		r.value(at, item, f, list.Index(i))
	}
	v.Set(list)
}

// listTodo says how to write a list of such items.
func listTodo(item reflect.Type) string {
	if isSection(item) {
		return `begin each of them with "- "`
	}
	return "write it as a list: [A, B]"
}

// table reads names that the user chooses. It replaces the default as a whole:
// an allow-list must not hold what is not written in it.
func (r *reader) table(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		r.unreadable(path, "found "+describe(n), accepts(path), "write it as {NAME: VALUE}")
		return
	}
	table := reflect.MakeMap(v.Type())
	r.pairs(path, n, func(name string, n *yaml.Node) {
		item := reflect.New(v.Type().Elem()).Elem()
		r.value(join(path, printable(name)), n, field{}, item)
		table.SetMapIndex(reflect.ValueOf(name), item)
	})
	v.Set(table)
}

// printable shows a name from the file so that it stays on one line.
func printable(name string) string {
	const most = 64
	if len(name) > most {
		name = name[:most] + "..."
	}
	if quoted := strconv.Quote(name); strings.ContainsAny(name, " .[]") || quoted != `"`+name+`"` {
		return quoted
	}
	return name
}
