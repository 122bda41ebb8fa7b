package modem

import "github.com/godbus/dbus/v5"

// props are the properties of one interface of an object.
type props map[string]dbus.Variant

// get returns a property; its zero value if it is absent or of another type: a
// newer service must not break an older agent.
func get[T any](p props, name string) T {
	v, _ := p[name].Value().(T)
	return v
}

// at returns item i of a D-Bus structure.
func at[T any](structure []any, i int) T {
	var zero T
	if i >= len(structure) {
		return zero
	}
	v, _ := structure[i].(T)
	return v
}
