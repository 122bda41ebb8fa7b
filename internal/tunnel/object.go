package tunnel

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// The ways in which bytes are not one JSON object that all readers would read
// alike. encoding/json alone takes the last of two equal keys, ignores the case
// of keys and mends broken UTF-8.
var (
	errNotJSON   = errors.New("it is not JSON")
	errNotObject = errors.New("it is not a JSON object")
	errTrailing  = errors.New("something follows the JSON object")
	errDuplicate = errors.New("a key stands twice in one object")
	errDeep      = errors.New("it is nested too deeply")
)

// parseObject decodes exactly one JSON object. Numbers come as json.Number.
func parseObject(data []byte) (map[string]any, error) {
	if !utf8.Valid(data) {
		return nil, errNotJSON
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := decodeValue(dec, maxDepth)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errNotObject
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errTrailing
	}
	return object, nil
}

// decodeValue decodes the next value, which may hold depth levels of others.
func decodeValue(dec *json.Decoder, depth int) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, errNotJSON
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == 0 {
		return nil, errDeep
	}
	if delim == '{' {
		return decodeObject(dec, depth-1)
	}
	return decodeArray(dec, depth-1)
}

// decodeObject decodes the rest of an object. Keys are compared decoded, so that
// an escaped letter hides no duplicate.
func decodeObject(dec *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for dec.More() {
		token, err := dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return nil, errNotJSON
		}
		if _, twice := object[key]; twice {
			return nil, errDuplicate
		}
		if object[key], err = decodeValue(dec, depth); err != nil {
			return nil, err
		}
	}
	return object, closing(dec)
}

// decodeArray decodes the rest of an array.
func decodeArray(dec *json.Decoder, depth int) (any, error) {
	array := []any{}
	for dec.More() {
		v, err := decodeValue(dec, depth)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	return array, closing(dec)
}

// closing takes the bracket that ends an object or array.
func closing(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return errNotJSON
	}
	return nil
}
