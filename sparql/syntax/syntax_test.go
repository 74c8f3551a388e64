package syntax

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
)

// syntaxTest matches an entry of a W3C manifest closely enough for the syntax
// suites: its type and the file of its action.
var syntaxTest = regexp.MustCompile(`(?s)(Positive|Negative)(Update)?SyntaxTest(?:11)?\s*;.*?mf:action\s*<([^>]+)>`)

// TestW3CSyntax parses every file of the W3C syntax suites. What must parse is
// printed and parsed again, and prints the same.
func TestW3CSyntax(t *testing.T) {
	root := filepath.Join(shared.Dir(t), "data", "rdf-tests", "sparql")
	n := 0
	for _, suite := range []string{"sparql10", "sparql11"} {
		err := filepath.WalkDir(filepath.Join(root, suite), func(name string, d os.DirEntry, err error) error {
			if err != nil || d.Name() != "manifest.ttl" {
				return err
			}
			src, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			for _, entry := range strings.Split(string(src), "\n\n") {
				m := syntaxTest.FindStringSubmatch(entry)
				if m == nil {
					continue
				}
				n++
				file := filepath.Join(filepath.Dir(name), m[3])
				t.Run(filepath.Join(filepath.Base(filepath.Dir(name)), m[3]), func(t *testing.T) {
					checkSyntax(t, file, m[1] == "Positive", m[2] == "Update")
				})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 300 {
		t.Errorf("only %d syntax tests found", n)
	}
}

func checkSyntax(t *testing.T, file string, positive, update bool) {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parse := func(text string) (string, error) {
		if update {
			u, err := ParseUpdate(text, "http://example.org/")
			if err != nil {
				return "", err
			}
			return u.String(), nil
		}
		q, err := ParseQuery(text, "http://example.org/")
		if err != nil {
			return "", err
		}
		return q.String(), nil
	}
	printed, err := parse(string(src))
	if !positive {
		if err == nil {
			t.Errorf("accepted:\n%s", src)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	again, err := parse(printed)
	if err != nil {
		t.Fatalf("printed form does not parse: %v\n%s", err, printed)
	}
	if again != printed {
		t.Errorf("printed form changes:\n%s\nthen\n%s", printed, again)
	}
}
