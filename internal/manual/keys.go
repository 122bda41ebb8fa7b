package manual

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// keysMark is the line of a page that the keys stand for.
const keysMark = `.\" KEYS` + "\n"

// Keys returns page, a manual page, with its line `.\" KEYS` replaced by an entry
// for each key of schema, a struct whose fields have the tags yaml, accepts and
// only. What an entry says is the key's comment in reference, the shipped file,
// and the value there is its default. A key that reference lacks is an error.
func Keys(page, reference []byte, schema reflect.Type) ([]byte, error) {
	before, after, found := bytes.Cut(page, []byte(keysMark))
	if !found {
		return nil, fmt.Errorf("the page has no line %q", strings.TrimSpace(keysMark))
	}
	told, err := readReference(reference)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Write(before)
	for section := range fields(schema) {
		if err := writeSection(&b, section, told); err != nil {
			return nil, err
		}
	}
	b.Write(after)
	return b.Bytes(), nil
}

// fields yields the fields of a struct.
func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func writeSection(w io.Writer, section reflect.StructField, told map[string]entry) error {
	name, keys := section.Tag.Get("yaml"), section.Type
	fmt.Fprintf(w, ".SS %s\n", name)
	_, accepts := section.Tag.Lookup("accepts")
	switch {
	case keys.Kind() == reflect.Slice:
		keys = keys.Elem()
	case accepts: // a key that stands alone
		return writeTold(w, name, section.Tag, told)
	}
	if e := told[name]; e.text != "" {
		prose(w, e.text)
	}
	for key := range fields(keys) {
		if err := writeTold(w, name+"."+key.Tag.Get("yaml"), key.Tag, told); err != nil {
			return err
		}
	}
	return nil
}

// writeTold writes the key at path as the shipped file tells of it.
func writeTold(w io.Writer, path string, tag reflect.StructTag, told map[string]entry) error {
	e, known := told[path]
	if !known {
		return fmt.Errorf("the shipped file has no %s", path)
	}
	writeKey(w, path, tag, e)
	return nil
}

func writeKey(w io.Writer, path string, tag reflect.StructTag, e entry) {
	fmt.Fprintf(w, ".TP\n.B %s\n", argument(path))
	if only := tag.Get("only"); only != "" {
		fmt.Fprintf(w, "(links of type %s)\n", quote(only))
	}
	if e.text != "" {
		prose(w, e.text)
	}
	accepts := tag.Get("accepts")
	fmt.Fprintf(w, ".br\nAccepts %s.\n.br\n", quote(accepts))
	switch {
	case e.required:
		fmt.Fprintln(w, "Required.")
	case e.example == "":
		fmt.Fprintf(w, "Default: %s\n", quote(e.value))
	case strings.Contains(accepts, empty):
		fmt.Fprintf(w, "Default: %s; an example: %s\n", empty, quote(e.example))
	default:
		fmt.Fprintf(w, "Required. An example: %s\n", quote(e.example))
	}
}

// empty is the value of a key that is not used.
const empty = `""`

// entry is what the shipped file says of a key.
type entry struct {
	text     string // its comment, without the mark
	value    string
	example  string // the value, where it is no default
	required bool
}

// requiredMark begins the comment of a key that has to be filled in.
const requiredMark = "FILL IN: "

// readReference returns the comments and values by path: "links.name". The lines
// of a second link, which the shipped file holds ready, count as well; and a
// comment that goes on below, indented far, is one.
func readReference(data []byte) (map[string]entry, error) {
	commentedOut := regexp.MustCompile(`(?m)^#(  [ -] [a-z_]+:)`)
	continued := regexp.MustCompile(`\n {20,}# *`)
	data = commentedOut.ReplaceAll(data, []byte("$1"))
	data = continued.ReplaceAll(data, []byte(" "))
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("reading the shipped file: %w", err)
	}
	told := make(map[string]entry)
	if len(document.Content) > 0 {
		readMapping(told, "", document.Content[0])
	}
	return told, nil
}

// readMapping notes the keys of a section; of several links the first that has a
// key speaks for it.
func readMapping(told map[string]entry, prefix string, n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		path := prefix + key.Value
		if _, known := told[path]; known {
			continue
		}
		told[path] = newEntry(prefix, key, value)
		switch {
		case value.Kind == yaml.MappingNode && prefix == "":
			readMapping(told, path+".", value)
		case value.Kind == yaml.SequenceNode && value.Style&yaml.FlowStyle == 0:
			for _, item := range value.Content {
				readMapping(told, path+".", item)
			}
		}
	}
}

// newEntry reads one key. A link has no defaults but "", [] and false: what
// stands there else is an example.
func newEntry(prefix string, key, value *yaml.Node) entry {
	said := []string{comment(key.HeadComment), comment(key.LineComment), comment(value.LineComment)}
	// An empty line between them would end the entry's paragraph, and its indent.
	text := strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), "\n")
	e := entry{value: written(value)}
	text, e.required = strings.CutPrefix(text, requiredMark)
	if prefix == "links." && e.value != empty && e.value != "[]" && e.value != "false" {
		e.example = e.value
	}
	e.text = sentence(text)
	return e
}

// sentence makes one of a comment. What begins with a value is left as it is.
func sentence(text string) string {
	text = strings.TrimSuffix(text, ".")
	if text == "" {
		return ""
	}
	if !strings.HasPrefix(text, "true:") {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return text + "."
}

// comment takes the last block of a comment without its marks: what stands above
// an empty line belongs to something else.
func comment(text string) string {
	blocks := strings.Split(text, "\n\n")
	var lines []string
	for line := range strings.Lines(blocks[len(blocks)-1]) {
		lines = append(lines, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#")))
	}
	return strings.Join(lines, "\n")
}

// written is a value as the file has it, on one line.
func written(value *yaml.Node) string {
	bare := *value
	bare.HeadComment, bare.LineComment, bare.FootComment = "", "", ""
	out, err := yaml.Marshal(&bare)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
