package phrase

import "strings"

// Japanese says in Japanese what it knows of text, line by line and clause by
// clause. What is not known stays as it is: half a translation helps more than
// none, and the English can be searched for.
func Japanese(text string) string { return japanese().translate(text, "。") }

// dictionary is what is known of one language.
type dictionary []phrase

// translate puts between clauses what the other language has for a semicolon.
func (d dictionary) translate(text, between string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		clauses := strings.Split(line, "; ")
		for j, c := range clauses {
			clauses[j] = d.clause(c)
		}
		lines[i] = strings.Join(clauses, between)
	}
	return strings.Join(lines, "\n")
}

// clause translates one clause, or what follows its first colon that begins
// something known: before it are a file, a line, a key, a link's name.
func (d dictionary) clause(text string) string {
	if said, ok := d.phrase(text); ok {
		return said
	}
	for at := 0; ; {
		i := strings.Index(text[at:], ": ")
		if i < 0 {
			return text
		}
		at += i + len(": ")
		if said, ok := d.phrase(text[at:]); ok {
			return text[:at] + said
		}
	}
}

// phrase translates a known sentence, and what was put into it where that is one
// itself: an error at its end, most often.
func (d dictionary) phrase(text string) (string, bool) {
	for _, p := range d {
		captured, ok := p.match(text)
		if !ok || p.english[0] == '*' && strings.Contains(captured[0], ": ") {
			continue // clause comes to what is behind the colon
		}
		for i, c := range captured {
			if len(c) < len(text) {
				captured[i] = d.clause(c)
			}
		}
		return p.fill(captured), true
	}
	return "", false
}
