package quaestor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/quaestor-kg/quaestor"

// rule forbids imports to the packages below a folder.
type rule struct {
	from   string   // folder the rule is about
	except []string // folders below it that are exempt
	deny   []string // import path prefixes
	why    string
}

func in(folders ...string) []string {
	for i, f := range folders {
		folders[i] = module + "/" + f
	}
	return folders
}

// rules is section 3 of the architecture: who may enter which room.
var rules = []rule{
	{"kg", nil, in("sparql", "embed", "reasoning", "ingest", "api", "web", "cmd"), "kg is the ground floor"},
	{"kg", []string{"kg/store"}, []string{"github.com/dgraph-io/badger"}, "only kg/store knows badger"},
	{"sparql", nil, in("kg/store", "embed", "reasoning", "ingest", "api", "web", "cmd"), "the engine runs on any Snapshot"},
	{"sparql", []string{"sparql/service"}, []string{"net/http"}, "only sparql/service reaches the network"},
	{"embed", nil, in("kg/store", "sparql", "reasoning", "ingest", "api", "web", "cmd"), "models learn from quads, not queries"},
	{"reasoning", nil, in("kg/store", "ingest", "api", "web", "cmd"), "questions run on any Snapshot"},
	{"ingest", nil, in("sparql", "reasoning", "embed", "api", "web", "cmd"), "extractors are handed in by cmd"},
	{"api", nil, in("kg/store", "web", "cmd"), "use cases know the store by its interface"},
	{"web", nil, in("kg", "sparql", "embed", "reasoning", "ingest", "api", "cmd"), "static files only"},
	{"sparql", nil, []string{"github.com/dgraph-io/badger"}, "only kg/store knows badger"},
	{"embed", nil, []string{"github.com/dgraph-io/badger"}, "only kg/store knows badger"},
	{"reasoning", nil, []string{"github.com/dgraph-io/badger"}, "only kg/store knows badger"},
	{"ingest", nil, []string{"github.com/dgraph-io/badger"}, "only kg/store knows badger"},
	{"api", nil, []string{"github.com/dgraph-io/badger"}, "only kg/store knows badger"},
	{"cmd", nil, []string{"github.com/dgraph-io/badger"}, "only kg/store knows badger"},
	{"kg", nil, []string{"net/http"}, "storage does not talk"},
}

// apiProtocols must not import each other: a use case is shared in api.Service.
var apiProtocols = []string{"httpapi", "sparqlhttp", "graphqlapi", "openai", "mcp"}

// Size caps for non-test source, and what may exceed them and why.
const (
	maxPackageBytes = 60 << 10
	maxFileLines    = 800
)

var sizeExceptions = map[string]string{
	"reasoning/decode":        "a model's settings, weights, adapters and passes share the unexported state of Model and Branch",
	"reasoning":               "the pipeline of a question and the events it emits, one file a stage: they share one task and its state",
	"api":                     "every use case of the service is a method of one Service, one file a use case; the protocols around it are packages of their own",
	"kg/store":                "one transaction protocol: load, update, compaction and recovery share the state they must keep consistent",
	"cmd/quaestor":            "one small file per command; splitting them would need an exported surface that nobody else uses",
	"reasoning/draft":         "every form of query is a variation of the same chains, scored together",
	"reasoning/kvcache":       "one store: pages, forks, sealing, eviction, retrieval, prefixes and files share the owners they must count right",
	"reasoning/retrieve":      "matching, arithmetic and text of one question share what was found; what stands alone is a package below it",
	"reasoning/train/datagen": "the lexicon and template tables are most of it",
	"sparql/syntax/print.go":  "the printer has one short method for each node of the tree",
	"sparql/syntax":           "the grammar, its tree and its printer are one recursion over the same nodes",
}

type pkg struct {
	dir     string
	imports map[string]string // path -> file
	docs    []string          // files with a package comment
	bytes   int64
	command bool
}

func TestArchitecture(t *testing.T) {
	pkgs := load(t)
	for dir, p := range pkgs {
		for _, r := range rules {
			if !within(dir, r.from) || withinAny(dir, r.except) {
				continue
			}
			for imp, file := range p.imports {
				for _, d := range r.deny {
					if imp == d || strings.HasPrefix(imp, d+"/") {
						t.Errorf("%s imports %s: %s", file, imp, r.why)
					}
				}
			}
		}
		for _, a := range apiProtocols {
			for _, b := range apiProtocols {
				if a == b || !within(dir, "api/"+a) {
					continue
				}
				for imp, file := range p.imports {
					if imp == module+"/api/"+b {
						t.Errorf("%s imports %s: protocol packages share api.Service, not each other", file, imp)
					}
				}
			}
		}
		if n := len(p.docs); n != 1 {
			t.Errorf("package %s has %d package comments %v, want exactly one", dir, n, p.docs)
		}
		switch base := path.Base(dir); base {
		case "utils", "util", "common", "helpers", "misc":
			t.Errorf("package %s: name it after what it does", dir)
		}
		if _, ok := sizeExceptions[dir]; p.bytes > maxPackageBytes && !ok {
			t.Errorf("package %s has %d bytes of source, more than %d: split it, or name it with a reason in sizeExceptions", dir, p.bytes, maxPackageBytes)
		}
	}
	for name := range sizeExceptions {
		if _, err := os.Stat(filepath.FromSlash(name)); err != nil {
			t.Errorf("sizeExceptions names %s, which does not exist", name)
		}
	}
}

func within(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

func withinAny(dir string, folders []string) bool {
	for _, f := range folders {
		if within(dir, f) {
			return true
		}
	}
	return false
}

// load parses every Go file of the module; test files count for imports of the
// test binary only and are left out.
func load(t *testing.T) map[string]*pkg {
	t.Helper()
	pkgs := map[string]*pkg{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "testdata", "node_modules", "build", ".git":
				if name != "." {
					if d.Name() == "build" && name != "build" {
						return nil // web/build is a program of ours
					}
					return filepath.SkipDir
				}
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(name))
		p := pkgs[dir]
		if p == nil {
			p = &pkg{dir: dir, imports: map[string]string{}}
			pkgs[dir] = p
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments|parser.ImportsOnly)
		if err != nil {
			return err
		}
		p.command = f.Name.Name == "main"
		for _, s := range f.Imports {
			imp, _ := strconv.Unquote(s.Path.Value)
			p.imports[imp] = name
		}
		if f.Doc != nil {
			p.docs = append(p.docs, name)
		}
		if ast.IsGenerated(f) {
			return nil
		}
		p.bytes += int64(len(src))
		if n := strings.Count(string(src), "\n"); n > maxFileLines {
			if _, ok := sizeExceptions[filepath.ToSlash(name)]; !ok {
				t.Errorf("%s has %d lines, more than %d: split it, or name it with a reason in sizeExceptions", name, n, maxFileLines)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

// TestDocLinks follows every relative link of every Markdown file.
func TestDocLinks(t *testing.T) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "testdata" || name == "build") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".md") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(src), -1) {
			target := m[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, target)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMap checks that doc.go names every top-level room and nothing else.
func TestMap(t *testing.T) {
	src, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^//   - (\w+):`).FindAllStringSubmatch(string(src), -1) {
		named[m[1]] = true
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		switch e.Name() {
		case "docs", "build", "internal", "scripts":
			continue
		}
		if !named[e.Name()] {
			t.Errorf("doc.go does not name the folder %s", e.Name())
		}
		delete(named, e.Name())
	}
	for n := range named {
		if n != "embed" && n != "ingest" {
			t.Errorf("doc.go names %s, which does not exist", n)
		}
	}
}
