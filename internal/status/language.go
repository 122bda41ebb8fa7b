package status

import "strings"

// Language is one that the screen speaks.
type Language int

// The languages; each has one catalogue.
const (
	English Language = iota
	Japanese
)

// Locale is what the reader wants to read, and what the reader's screen shows.
type Locale struct {
	Language Language
	UTF8     bool // characters outside ASCII can be shown
}

// LocaleFrom reads the environment (POSIX, "Environment Variables", 8.2): LC_ALL
// before the category's variable before LANG. Japanese needs a charset that has
// it: UTF-8, which is also what a bare "ja" is taken for.
func LocaleFrom(getenv func(string) string) Locale {
	first := func(category string) string {
		for _, name := range []string{"LC_ALL", category, "LANG"} {
			if v := getenv(name); v != "" {
				return v
			}
		}
		return "C"
	}
	l := Locale{UTF8: utf8Locale(first("LC_CTYPE"))}
	if l.UTF8 && strings.HasPrefix(first("LC_MESSAGES"), "ja") {
		l.Language = Japanese
	}
	return l
}

// utf8Locale judges language_TERRITORY.CHARSET@modifier.
func utf8Locale(name string) bool {
	name, _, _ = strings.Cut(name, "@")
	language, charset, given := strings.Cut(name, ".")
	if !given {
		return strings.HasPrefix(language, "ja")
	}
	return strings.EqualFold(strings.ReplaceAll(charset, "-", ""), "utf8")
}

// HourWords label the figures of the last hour, at most 8 columns each but Title.
type HourWords struct{ Title, RoundTrip, Losses, Received, Sent string }

// Hour returns the labels in language l.
func (l Language) Hour() HourWords {
	w := &l.catalogue().words
	return HourWords{w.LastHour, w.RoundTrip, w.Losses, w.Received, w.Sent}
}

// ASCIITerminal reports whether a terminal of that kind ($TERM) is not to be
// trusted with more than ASCII: the kernel's console has no Japanese font, and
// behind a serial line nobody knows what listens.
func ASCIITerminal(term string) bool {
	return term == "" || term == "dumb" || term == "linux" || strings.HasPrefix(term, "vt")
}
