package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Limits that keep a damaged or hostile file from costing time or memory. The
// commented reference file has under 10 KB and 300 lines.
const (
	maxFileBytes   = 1 << 20
	maxSearchBytes = 8 << 20 // parsed in search of a syntax error's line, before the parser's own guess is taken
)

// document returns the root of the only YAML document in data, or the fault
// that keeps it from being read at all.
func document(data []byte) (*yaml.Node, *Fault) {
	if f := encodingFault(data); f != nil {
		return nil, f
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	root, err := next(decoder)
	if err != nil {
		return nil, syntaxFault(data, err)
	}
	if root == nil || isNull(root) {
		f := newFault(Unfilled, "", 1, "", "the file holds no settings", keysOf(configType), "begin with the shipped minimal.yaml")
		return nil, &f
	}
	second, err := next(decoder)
	switch {
	case err != nil:
		return nil, syntaxFault(data, err)
	case second != nil:
		return nil, &Fault{Line: secondDocument(data, second.Line), Message: message("a second document begins here",
			"one document", `delete the line "---" and what follows, or put it into the first document`)}
	}
	return root, nil
}

// next returns the root of the next document, or nil after the last.
func next(d *yaml.Decoder) (*yaml.Node, error) {
	var doc yaml.Node
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return doc.Content[0], nil
}

// secondDocument is the line of the marker before the given line.
func secondDocument(data []byte, line int) int {
	lines := bytes.Split(data, []byte("\n"))
	for i := min(line, len(lines)) - 1; i > 0; i-- {
		if bytes.HasPrefix(lines[i], []byte("---")) {
			return i + 1
		}
	}
	return line
}

// encodingFault finds what would make the parser's messages useless.
func encodingFault(data []byte) *Fault {
	if len(data) > maxFileBytes {
		return &Fault{Message: message("the file is larger than 1 MiB", "a text file of a few KB", "name the right file")}
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(line) {
			return &Fault{Line: i + 1, Message: message("a byte that is not UTF-8",
				"UTF-8 text", "save the file as UTF-8")}
		}
	}
	return nil
}

// yamlError takes the parser's message apart. Most commands read no file: what is
// compiled here is compiled when it is needed.
var yamlError = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)
})

// syntaxFault turns an error of the YAML parser into a Fault. The parser names
// the line where the broken block began; the reader needs the line that broke it.
func syntaxFault(data []byte, err error) *Fault {
	problem, line := err.Error(), 0
	if m := yamlError().FindStringSubmatch(problem); m != nil {
		problem = m[2]
		fmt.Sscan(m[1], &line)
	}
	if found := breakingLine(data); found > 0 {
		line = found
	}
	f := &Fault{Line: max(line, 1), Message: message("not YAML: "+problem, `"key: value" lines, indented by spaces`, syntaxTodo(problem))}
	if lines := bytes.Split(data, []byte("\n")); tabIndented(lines[min(f.Line, len(lines))-1]) {
		f.Message = message("the line is indented with a tab", "spaces", "replace the tab by spaces")
	}
	return f
}

// syntaxTodo says what to do about the parser's commonest problems.
func syntaxTodo(problem string) string {
	switch {
	case strings.Contains(problem, "unknown anchor"), strings.Contains(problem, "alphabetic or numeric"):
		return "put a text that begins with * or & in quotes"
	case strings.Contains(problem, "control characters"):
		return "delete the character, it may be invisible"
	}
	return "look at this line and the one above it for a missing colon, quote or bracket, or a wrong indent"
}

// breakingLine is the line after the longest beginning of the file that is
// valid by itself, or 0 if finding it costs too much.
func breakingLine(data []byte) int {
	work := 0
	for end := len(data); end > 0 && work < maxSearchBytes; work += end {
		end = bytes.LastIndexByte(data[:end-1], '\n') + 1
		if parses(data[:end]) {
			return bytes.Count(data[:end], []byte("\n")) + 1
		}
	}
	return 0
}

// parses reports whether data is valid YAML.
func parses(data []byte) bool {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		root, err := next(decoder)
		if err != nil || root == nil {
			return err == nil
		}
	}
}

// tabIndented reports whether there is a tab before the text of the line, which
// YAML forbids and most editors do not show.
func tabIndented(line []byte) bool {
	indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
	return strings.Contains(string(indent), "\t")
}
