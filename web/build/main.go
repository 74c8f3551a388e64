// Command build makes web/dist from the TypeScript sources in web/console.
//
//	go run ./web/build           write web/dist
//	go run ./web/build -check    fail if web/dist is not what the sources give
//	go run ./web/build -test     run the unit tests of the client (needs node)
//
// It needs web/console/node_modules (cd web/console && npm ci) but no Node: the
// bundler is esbuild's Go API. The output has content-hashed names, a gzip twin
// of every text file, and a manifest; the same sources give the same bytes, so
// that a difference in web/dist is always a difference in the sources.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Budgets of the console (console design, section 9), in bytes of gzip.
const (
	maxAllScripts   = 300 << 10 // every script together
	maxFirstScripts = 90 << 10  // what the first load of Ask fetches
	maxFirstStyles  = 12 << 10
)

func main() {
	check := flag.Bool("check", false, "compare with web/dist instead of writing it")
	test := flag.Bool("test", false, "run the unit tests of the client under node")
	flag.Parse()
	if err := run(*check, *test); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(check, test bool) error {
	web, err := webDir()
	if err != nil {
		return err
	}
	console := filepath.Join(web, "console")
	if _, err := os.Stat(filepath.Join(console, "node_modules", "preact")); err != nil {
		return errors.New("web/console/node_modules is missing; run: cd web/console && npm ci")
	}
	if test {
		return runTests(console)
	}
	files, report, err := bundle(console)
	if err != nil {
		return err
	}
	if check {
		return compare(filepath.Join(web, "dist"), files)
	}
	if err := write(filepath.Join(web, "dist"), files); err != nil {
		return err
	}
	fmt.Print(report)
	return nil
}

// webDir finds the web folder from the repository root or from inside it.
func webDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "web", "console", "package.json")); err == nil {
			return filepath.Join(dir, "web"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("web/console/package.json not found; run inside the repository")
		}
		dir = parent
	}
}

// options shared by the product and its tests.
func options(console string) api.BuildOptions {
	return api.BuildOptions{
		AbsWorkingDir:   console,
		Bundle:          true,
		Format:          api.FormatESModule,
		Target:          api.ES2022,
		Engines:         []api.Engine{{Name: api.EngineChrome, Version: "123"}, {Name: api.EngineFirefox, Version: "121"}, {Name: api.EngineSafari, Version: "17.5"}},
		JSX:             api.JSXAutomatic,
		JSXImportSource: "preact",
		Charset:         api.CharsetUTF8,
		LegalComments:   api.LegalCommentsNone,
		LogLevel:        api.LogLevelSilent,
		Define:          map[string]string{"process.env.NODE_ENV": `"production"`},
		Tsconfig:        filepath.Join(console, "tsconfig.json"),
	}
}

func messages(list []api.Message) error {
	var b strings.Builder
	for _, m := range api.FormatMessages(list, api.FormatMessagesOptions{Kind: api.ErrorMessage}) {
		b.WriteString(m)
	}
	return errors.New(strings.TrimSpace(b.String()))
}

// metafile is the part of esbuild's report that we read.
type metafile struct {
	Inputs  map[string]struct{} `json:"inputs"`
	Outputs map[string]struct {
		EntryPoint string `json:"entryPoint"`
		Imports    []struct {
			Path string `json:"path"`
			Kind string `json:"kind"`
		} `json:"imports"`
	} `json:"outputs"`
}

// bundle builds everything in memory: path below dist to content.
func bundle(console string) (map[string][]byte, string, error) {
	o := options(console)
	o.EntryPoints = []string{"src/main.tsx", "src/styles/main.css"}
	o.Outdir = "dist/assets"
	o.Outbase = "src"
	o.EntryNames = "[name]-[hash]"
	o.ChunkNames = "[name]-[hash]"
	o.Splitting = true
	o.MinifySyntax, o.MinifyWhitespace, o.MinifyIdentifiers = true, true, true
	o.Metafile = true
	r := api.Build(o)
	if len(r.Errors) > 0 {
		return nil, "", messages(r.Errors)
	}
	if len(r.Warnings) > 0 {
		return nil, "", messages(r.Warnings)
	}
	var meta metafile
	if err := json.Unmarshal([]byte(r.Metafile), &meta); err != nil {
		return nil, "", err
	}
	files := map[string][]byte{}
	for _, f := range r.OutputFiles {
		files["assets/"+filepath.Base(f.Path)] = f.Contents
	}

	script, style, preload := entries(meta)
	if script == "" || style == "" {
		return nil, "", errors.New("the bundle has no entry script or style sheet")
	}
	index, err := os.ReadFile(filepath.Join(console, "src", "index.html"))
	if err != nil {
		return nil, "", err
	}
	var links strings.Builder
	for _, p := range preload {
		fmt.Fprintf(&links, "<link rel=\"modulepreload\" href=\"{{base}}/%s\">\n", p)
	}
	page := strings.NewReplacer("{{script}}", script, "{{style}}", style, "{{preload}}\n", links.String()).Replace(string(index))
	files["index.html"] = []byte(page)

	static := filepath.Join(console, "static")
	err = filepath.WalkDir(static, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(static, p)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)], err = os.ReadFile(p)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if files["assets/licenses.txt"], err = licences(console, meta); err != nil {
		return nil, "", err
	}

	first := append([]string{script}, preload...)
	report, err := sizes(files, first, style)
	if err != nil {
		return nil, "", err
	}
	for _, name := range sortedKeys(files) {
		files[name+".gz"] = compress(files[name])
	}
	files["manifest.json"] = manifest(files)
	return files, report, nil
}

// entries finds the entry script, the style sheet and the chunks that the entry imports statically.
func entries(meta metafile) (script, style string, preload []string) {
	asset := func(out string) string { return "assets/" + path.Base(out) }
	for out, m := range meta.Outputs {
		switch {
		case m.EntryPoint == "src/main.tsx":
			script = asset(out)
			for _, i := range m.Imports {
				if i.Kind == "import-statement" {
					preload = append(preload, asset(i.Path))
				}
			}
		case m.EntryPoint == "src/styles/main.css":
			style = asset(out)
		}
	}
	slices.Sort(preload)
	return script, style, slices.Compact(preload)
}

// licences collects the licence text of every bundled package: their terms ask for it.
func licences(console string, meta metafile) ([]byte, error) {
	packages := map[string]bool{}
	for in := range meta.Inputs {
		rest, ok := strings.CutPrefix(in, "node_modules/")
		if !ok {
			continue
		}
		parts := strings.SplitN(rest, "/", 3)
		name := parts[0]
		if strings.HasPrefix(name, "@") {
			name += "/" + parts[1]
		}
		packages[name] = true
	}
	var b bytes.Buffer
	b.WriteString("The console contains the packages below under their own licences.\n")
	for _, name := range sortedKeys(packages) {
		dir := filepath.Join(console, "node_modules", filepath.FromSlash(name))
		raw, err := os.ReadFile(filepath.Join(dir, "package.json"))
		if err != nil {
			return nil, err
		}
		var p struct {
			Version string `json:"version"`
			License string `json:"license"`
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, fmt.Errorf("%s/package.json: %w", name, err)
		}
		text, err := licenceText(dir)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, p.Version, err)
		}
		fmt.Fprintf(&b, "\n== %s %s (%s)\n\n%s\n", name, p.Version, p.License, strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")))
	}
	return b.Bytes(), nil
}

func licenceText(dir string) (string, error) {
	for _, name := range []string{"LICENSE", "LICENSE.md", "LICENSE.txt", "license"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			return string(b), nil
		}
	}
	return "", errors.New("no licence file in the package")
}

// compress is gzip without a name or time, so that the bytes depend on the content only.
func compress(b []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	if _, err := w.Write(b); err != nil {
		panic(err) // a bytes.Buffer does not fail
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// sizes prints what a reader downloads and fails beyond the budget.
func sizes(files map[string][]byte, first []string, style string) (string, error) {
	var b strings.Builder
	var all, firstSum int
	for _, name := range sortedKeys(files) {
		gz := len(compress(files[name]))
		if strings.HasSuffix(name, ".js") {
			all += gz
		}
		if slices.Contains(first, name) {
			firstSum += gz
		}
		fmt.Fprintf(&b, "%-36s %8d %8d gzip\n", name, len(files[name]), gz)
	}
	css := len(compress(files[style]))
	fmt.Fprintf(&b, "first load: scripts %.1f KiB, styles %.1f KiB; all scripts %.1f KiB (gzip)\n",
		float64(firstSum)/1024, float64(css)/1024, float64(all)/1024)
	if all > maxAllScripts || firstSum > maxFirstScripts || css > maxFirstStyles {
		return "", fmt.Errorf("over budget: scripts %d (max %d), first load %d (max %d), styles %d (max %d)\n%s",
			all, maxAllScripts, firstSum, maxFirstScripts, css, maxFirstStyles, b.String())
	}
	return b.String(), nil
}

// manifest lists every file with size and SHA-256, for people and for the test of the handler.
func manifest(files map[string][]byte) []byte {
	type entry struct {
		Size   int    `json:"size"`
		Gzip   int    `json:"gzip"`
		SHA256 string `json:"sha256"`
	}
	m := map[string]entry{}
	for name, content := range files {
		if strings.HasSuffix(name, ".gz") {
			continue
		}
		sum := sha256.Sum256(content)
		m[name] = entry{len(content), len(files[name+".gz"]), hex.EncodeToString(sum[:])}
	}
	out, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		panic(err) // plain maps and numbers
	}
	return append(out, '\n')
}

func write(dist string, files map[string][]byte) error {
	if err := os.RemoveAll(dist); err != nil {
		return err
	}
	for _, name := range sortedKeys(files) {
		p := filepath.Join(dist, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare fails with the names that differ between the folder and what the sources give.
func compare(dist string, files map[string][]byte) error {
	var differ []string
	seen := map[string]bool{}
	err := filepath.WalkDir(dist, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dist, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		seen[name] = true
		have, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if want, ok := files[name]; !ok {
			differ = append(differ, name+" (no longer built)")
		} else if !bytes.Equal(have, want) {
			differ = append(differ, name+" (differs)")
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(files) {
		if !seen[name] {
			differ = append(differ, name+" (missing)")
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("web/dist is not what web/console gives; run: go run ./web/build\n  %s", strings.Join(differ, "\n  "))
	}
	fmt.Printf("web/dist is up to date, %d files\n", len(files))
	return nil
}

// runTests bundles every *.test.ts and runs them with node's own runner.
func runTests(console string) error {
	var tests []string
	err := filepath.WalkDir(filepath.Join(console, "src"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".test.ts") {
			tests = append(tests, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(tests) == 0 {
		return errors.New("no *.test.ts under web/console/src")
	}
	out, err := os.MkdirTemp("", "console-test")
	if err != nil {
		return err
	}
	defer os.RemoveAll(out)
	o := options(console)
	o.EntryPoints = tests
	o.Outdir = out
	o.Outbase = "src"
	o.EntryNames = "[dir]/[name]"
	o.OutExtension = map[string]string{".js": ".mjs"}
	o.Platform = api.PlatformNode
	o.Engines = []api.Engine{{Name: api.EngineNode, Version: "20"}} // browsers know no "node:" imports
	o.Sourcemap = api.SourceMapInline
	o.Write = true
	if r := api.Build(o); len(r.Errors) > 0 {
		return messages(r.Errors)
	}
	var built []string
	err = filepath.WalkDir(out, func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".test.mjs") {
			built = append(built, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	sort.Strings(built)
	cmd := exec.Command("node", append([]string{"--enable-source-maps", "--test", "--test-reporter=spec"}, built...)...)
	cmd.Dir = console
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
