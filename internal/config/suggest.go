package config

import (
	"reflect"
	"strings"
)

// suggest returns the key that the unknown key name in the given section was
// probably meant to be, or "".
func suggest(section reflect.Type, name string) string {
	best, least := "", max(1, len(name)/3)+1
	plain := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	for _, f := range fields(section) {
		if d := distance(plain, f.name); d < least {
			best, least = f.name, d
		}
	}
	if best == "" {
		best = elsewhere(plain)
	}
	return best
}

// elsewhere returns the path of the only key of that name in the whole file: a
// key that was indented too little or too much.
func elsewhere(name string) string {
	found := ""
	for _, top := range fields(configType) {
		if top.name == name {
			return name + " at the left margin"
		}
		section := top.typ
		if section.Kind() == reflect.Slice {
			section = section.Elem()
		}
		if !isSection(section) {
			continue
		}
		if _, ok := lookup(section, name); !ok {
			continue
		}
		if found != "" {
			return ""
		}
		found = top.name + "." + name
	}
	return found
}

// distance is the number of letters to insert, delete or replace to turn a into
// b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j]+1, diagonal+1, replaced)
		}
	}
	return row[len(b)]
}
