package manual

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func program() *cobra.Command {
	root := &cobra.Command{Use: "prog"}
	run := func(*cobra.Command, []string) {}
	show := &cobra.Command{Use: "show [FILE]", Short: "Show a file", Run: run, Long: "Show a file.\n\n    show -   standard input\n    .hidden  as well"}
	show.Flags().StringP("format", "f", "text", "how; see `style`")
	show.Flags().Bool("json", false, "print JSON")
	show.Flags().Bool("secret", false, "for tests")
	if err := show.Flags().MarkHidden("secret"); err != nil {
		panic(err)
	}
	link := &cobra.Command{Use: "link", Short: "Links"}
	link.AddCommand(&cobra.Command{Use: "list", Short: "List them", Run: run})
	root.AddCommand(show, link,
		&cobra.Command{Use: "proxy -d HOST", Short: "Join two ends", Long: "Much text", Run: run},
		&cobra.Command{Use: "inner", Short: "Not for people", Hidden: true, Run: run})
	return root
}

func TestCommands(t *testing.T) {
	got, err := Commands([]byte("before\n.\\\" COMMANDS\nafter\n"), program(), map[string]string{"proxy": "proxy(1)"})
	if err != nil {
		t.Fatal(err)
	}
	want := `before
.SS "prog link list"
List them.
.SS "prog proxy \-d HOST"
Join two ends.
See proxy(1).
.SS "prog show [FILE]"
Show a file.
.PP
.nf
    show \-   standard input
    .hidden  as well
.fi
.TP
.B "\-f, \-\-format STYLE"
How; see style (default text).
.TP
.B "\-\-json"
Print JSON.
after
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

type schema struct {
	Device struct {
		Thing string `yaml:"thing" accepts:"a name"`
	} `yaml:"device"`
	Links []struct {
		Name string `yaml:"name" accepts:"a word"`
		Unit string `yaml:"unit" only:"interface" accepts:"a unit, or \"\" for none"`
	} `yaml:"links"`
	Page string `yaml:"page" accepts:"an address, or \"\" for none"`
}

const reference = `# A file.

device:
  thing: ""      # FILL IN: the name
# Ways in.
links:
  - name: vpn    # in status, and
                 # in logs

# Another.
#  - name: canal
#    # What to restart. It
#    # has to exist.
#    unit: wg.service

# For a browser.
page: ""   # 127.0.0.1:80, for example
`

func TestKeys(t *testing.T) {
	// The far comment of the test is not as far as the file's.
	far := strings.ReplaceAll(reference, "\n                 #", "\n                      #")
	far = strings.ReplaceAll(far, "\n#    #", "\n    #")
	got, err := Keys([]byte("before\n.\\\" KEYS\nafter\n"), []byte(far), reflect.TypeFor[schema]())
	if err != nil {
		t.Fatal(err)
	}
	want := `before
.SS device
.TP
.B "device.thing"
The name.
.br
Accepts a name.
.br
Required.
.SS links
Ways in.
.TP
.B "links.name"
In status, and in logs.
.br
Accepts a word.
.br
Required. An example: vpn
.TP
.B "links.unit"
(links of type interface)
What to restart. It
has to exist.
.br
Accepts a unit, or "" for none.
.br
Default: ""; an example: wg.service
.SS page
.TP
.B "page"
For a browser.
127.0.0.1:80, for example.
.br
Accepts an address, or "" for none.
.br
Default: ""
after
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestFaults(t *testing.T) {
	keys := reflect.TypeFor[schema]()
	for _, tc := range []struct{ page, reference, want string }{
		{"no mark", reference, "no line"},
		{keysMark, "device: {}\nlinks: []\n", "no device.thing"},
		{keysMark, "device: [", "reading the shipped file"},
		{keysMark, "", "no device.thing"},
	} {
		if _, err := Keys([]byte(tc.page), []byte(tc.reference), keys); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q, %q: %v, want %q", tc.page, tc.reference, err, tc.want)
		}
	}
	if _, err := Commands([]byte("no mark"), program(), nil); err == nil || !strings.Contains(err.Error(), "no line") {
		t.Errorf("a page without the mark: %v", err)
	}
}

// Text can become neither a request nor an escape of roff.
func FuzzProse(f *testing.F) {
	f.Add(".so /etc/passwd\n\n  'br \\*(x -x")
	f.Add("a\n\n\n\n b\nc\n.")
	f.Fuzz(func(t *testing.T, text string) {
		var b bytes.Buffer
		prose(&b, text)
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			request := line == ".PP" || line == ".nf" || line == ".fi"
			if !request && (strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'")) {
				t.Fatalf("%q makes the request %q", text, line)
			}
			rest := strings.NewReplacer(`\e`, "", `\-`, "", `\&`, "").Replace(line)
			if strings.Contains(rest, `\`) {
				t.Fatalf("%q makes the escape in %q", text, line)
			}
		}
	})
}
