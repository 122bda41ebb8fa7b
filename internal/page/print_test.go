package page

import (
	"bytes"
	"context"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// paper is A4 with text of 10 points, as a browser or an office program prints a
// page; screens of 80 columns fit at 8.5.
const paper = `<!doctype html><meta charset="utf-8"><style>@page { size: A4; margin: 12mm; }
body { font: 10pt/1.3 sans-serif; margin: 0; } h1 { font-size: 14pt; margin: 0; } p, pre, table { margin: 1.2mm 0; }
pre, code { font: 8.5pt/1.15 monospace; } pre { padding: 1mm; border: .2mm solid #999; } table { border-collapse: collapse; font-size: 9pt; line-height: 1.2; }
td, th { border: .2mm solid #999; padding: 0 1.5mm; text-align: left; vertical-align: top; }</style>`

var (
	boldText = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	codeText = regexp.MustCompile("`([^`]+)`")
	pdfPage  = regexp.MustCompile(`/Type\s*/Page\b`)
	ruleRow  = regexp.MustCompile(`^\|[-|]+\|$`)
)

// asHTML renders the little of Markdown that the guides use.
func asHTML(text string) string {
	var b strings.Builder
	inline := func(s string) string {
		return codeText.ReplaceAllString(boldText.ReplaceAllString(html.EscapeString(s), "<b>$1</b>"), "<code>$1</code>")
	}
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		switch {
		case strings.HasPrefix(block, "# "):
			b.WriteString("<h1>" + inline(block[2:]) + "</h1>")
		case strings.HasPrefix(block, "```"):
			b.WriteString("<pre>" + html.EscapeString(strings.Trim(block, "`\n")) + "</pre>")
		case strings.HasPrefix(block, "    "):
			b.WriteString("<pre>" + html.EscapeString(strings.ReplaceAll(block[4:], "\n    ", "\n")) + "</pre>")
		case strings.HasPrefix(block, "|"):
			b.WriteString("<table>" + rows(block, inline) + "</table>")
		default:
			b.WriteString("<p>" + inline(block) + "</p>")
		}
	}
	return b.String()
}

func rows(table string, inline func(string) string) string {
	var b strings.Builder
	for row := range strings.Lines(table) {
		if row = strings.TrimSpace(row); ruleRow.MatchString(row) {
			continue
		}
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		for i := range cells {
			cells[i] = inline(cells[i])
		}
		b.WriteString("<tr><td>" + strings.Join(cells, "</td><td>") + "</td></tr>")
	}
	return b.String()
}

// TestGuidesFitOnOneSheet: what is to be printed for whoever goes on site is one
// side of paper. PAGE_SCREENSHOTS keeps the PDF.
func TestGuidesFitOnOneSheet(t *testing.T) {
	if _, err := os.Stat(chromium); err != nil {
		t.Skip("needs Debian's chromium:", err)
	}
	for _, name := range []string{"field-guide", "field-guide.ja"} {
		text, err := os.ReadFile("../../docs/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		page, pdf := filepath.Join(dir, "guide.html"), filepath.Join(dir, "guide.pdf")
		if keep := os.Getenv("PAGE_SCREENSHOTS"); keep != "" {
			pdf = filepath.Join(keep, name+".pdf")
		}
		if err := os.WriteFile(page, []byte(paper+asHTML(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), browserTimeout)
		defer cancel()
		out, err := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(),
			"--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer", "--print-to-pdf="+pdf, "file://"+page).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		printed, err := os.ReadFile(pdf)
		if err != nil {
			t.Fatal(err)
		}
		if pages := len(pdfPage.FindAll(printed, -1)); pages != 1 || !bytes.HasPrefix(printed, []byte("%PDF-")) {
			t.Errorf("%s is printed on %d pages, want 1", name, pages)
		}
	}
}
