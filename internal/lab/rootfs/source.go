package rootfs

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keyring holds the keys of all Debian releases (package debian-archive-keyring).
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// Source returns the line of sources.list(5) for a release that Build uses.
func Source(release string) (string, error) { return source("/etc/apt", release) }

// source returns the line of sources.list(5) for a release: from the mirror
// that this machine's apt gets its own Debian packages from.
func source(aptDir, release string) (string, error) {
	uri, err := mirror(aptDir)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("deb [signed-by=%s] %s %s main", keyring, uri, release), nil
}

// mirror finds the first source that is Debian's main archive.
func mirror(aptDir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(aptDir, "sources.list.d", "*"))
	if err != nil {
		return "", err
	}
	slices.Sort(files)
	for _, name := range append([]string{filepath.Join(aptDir, "sources.list")}, files...) {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // the first one need not exist
		}
		if uri := mirrorIn(name, string(data)); uri != "" {
			return uri, nil
		}
	}
	return "", fmt.Errorf("no Debian mirror in %s: nothing to build a root file system from", aptDir)
}

// mirrorIn reads a file in one of the two formats of sources.list(5).
func mirrorIn(name, text string) string {
	switch filepath.Ext(name) {
	case ".list":
		return mirrorInLines(text)
	case ".sources":
		return mirrorInStanzas(text)
	}
	return ""
}

// mirrorInLines reads the one-line format: deb [options] uri suite component...
func mirrorInLines(text string) string {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != "deb" {
			continue
		}
		rest := fields[1:]
		if strings.HasPrefix(rest[0], "[") {
			end := slices.IndexFunc(rest, func(f string) bool { return strings.HasSuffix(f, "]") })
			rest = rest[end+1:]
		}
		if len(rest) >= 3 && isMain(rest[0], rest[1:2], rest[2:]) {
			return rest[0]
		}
	}
	return ""
}

// mirrorInStanzas reads the deb822 format.
func mirrorInStanzas(text string) string {
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := map[string][]string{}
		lines := bufio.NewScanner(strings.NewReader(stanza))
		for lines.Scan() {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && !strings.HasPrefix(name, "#") {
				fields[strings.ToLower(name)] = strings.Fields(value)
			}
		}
		if slices.Equal(fields["enabled"], []string{"no"}) || !slices.Contains(fields["types"], "deb") {
			continue
		}
		for _, uri := range fields["uris"] {
			if isMain(uri, fields["suites"], fields["components"]) {
				return uri
			}
		}
	}
	return ""
}

// isMain tells Debian's own archive, which holds every release, from its
// security updates and from other people's archives.
func isMain(uri string, suites, components []string) bool {
	path := strings.TrimSuffix(uri, "/")
	return (strings.HasSuffix(path, "/debian") || strings.Contains(path, "/archive/debian/")) &&
		slices.Contains(components, "main") &&
		slices.ContainsFunc(suites, func(s string) bool { return !strings.Contains(s, "security") })
}
