package config

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// YAML returns the whole configuration in the form that Parse reads, with every
// default written out. Keys and certificates appear as paths only.
func (c Config) YAML() ([]byte, error) {
	root, err := show(reflect.ValueOf(c))
	if err != nil {
		return nil, fmt.Errorf("writing the configuration as YAML: %w", err)
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("writing the configuration as YAML: %w", err)
	}
	return b.Bytes(), encoder.Close()
}

// show is the reverse of value.
func show(v reflect.Value) (*yaml.Node, error) {
	switch {
	case isSection(v.Type()):
		return showSection(v)
	case v.Kind() == reflect.Slice:
		return showList(v)
	case v.Kind() == reflect.Map:
		return showTable(v)
	}
	var n yaml.Node
	if d, ok := v.Interface().(time.Duration); ok {
		return &n, n.Encode(plain(d))
	}
	return &n, n.Encode(v.Interface())
}

// showSection leaves out the keys of the other type of link, which Parse refuses.
func showSection(v reflect.Value) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fields(v.Type()) {
		if f.only != "" && f.only != v.Interface().(Link).Type {
			continue
		}
		if err := showPair(n, f.name, v.Field(f.index)); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// showPair adds one key to the section n.
func showPair(n *yaml.Node, name string, v reflect.Value) error {
	value, err := show(v)
	if err != nil {
		return err
	}
	var key yaml.Node
	key.SetString(name)
	n.Content = append(n.Content, &key, value)
	return nil
}

// showList keeps short lists on one line, as people write them.
func showList(v reflect.Value) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if !isSection(v.Type().Elem()) {
		n.Style = yaml.FlowStyle
	}
	for i := range v.Len() {
		item, err := show(v.Index(i))
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, item)
	}
	return n, nil
}

// showTable sorts the names, so that the same configuration is the same text.
func showTable(v reflect.Value) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	table := v.Interface().(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if err := showPair(n, name, reflect.ValueOf(table[name])); err != nil {
			return nil, err
		}
	}
	return n, nil
}
