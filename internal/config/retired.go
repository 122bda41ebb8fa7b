package config

import (
	"fmt"
	"reflect"
	"strings"
)

// retired is a key that an older version had. Its file goes on working where the
// meaning is the same or nothing is lost; it is never rewritten.
type retired struct {
	path string // of the key, with links[] for any link
	// now is the key of the same section that took its place, "" if none did.
	now string
	// refuse says what to do about a key that cannot be ignored, because the path
	// would be less private or less reliable without it.
	refuse string
}

// retiredKeys are the keys that were in a released version and are no more:
// none so far.
func retiredKeys() []retired { return nil }

// renamed returns the name that the key has by now. It is false for a key that
// is not to be read: unknown, refused, or ignored with a warning.
func (r *reader) renamed(path, name string, section reflect.Type) (string, bool) {
	old := join(path, printable(name))
	key, ok := r.retiredAt(old)
	switch {
	case !ok:
		r.unknown(path, name, section)
		return "", false
	case key.refuse != "":
		r.unreadable(old, "a key of an older version", keysOf(section), key.refuse)
		return "", false
	case key.now == "":
		r.warn(old, "a key of an older version, without effect", "delete the line")
		return "", false
	}
	now := join(path, key.now)
	if first, ok := r.places[now]; ok {
		r.unreadable(old, fmt.Sprintf("the older name of %s, which is on line %d", key.now, first.line),
			"each key once", "delete one of the two")
		return "", false
	}
	r.places[now] = r.places[old]
	r.warn(old, "the older name of "+key.now+", still read", "write "+key.now)
	return key.now, true
}

func (r *reader) retiredAt(path string) (retired, bool) {
	for _, key := range r.retired {
		if key.path == anyItem(path) {
			return key, true
		}
	}
	return retired{}, false
}

// anyItem leaves the numbers out of a path: links[].unit.
func anyItem(path string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(path, "[") {
		if _, rest, ok := strings.Cut(part, "]"); ok && b.Len() > 0 {
			part = "[]" + rest
		}
		b.WriteString(part)
	}
	return b.String()
}

// warn notes what works so far.
func (r *reader) warn(path, found, todo string) {
	r.warnings = append(r.warnings, newFault(RetiredKey, r.file, r.line(path), path, found, "", todo))
}
