//go:build browser

package browsertest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// demo builds and starts the program's demo and returns its address.
func demo(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("QUAESTOR_URL"); url != "" {
		return url
	}
	bin := filepath.Join(t.TempDir(), "quaestor")
	build := exec.Command("go", "build", "-o", bin, "../../cmd/quaestor")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.Command(bin, "demo", "--addr", "127.0.0.1:0", "--quiet")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_DATA_HOME=")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the program did not end cleanly: %v", err)
		}
	})
	lines := make(chan string)
	go func() {
		defer close(lines)
		sc := bufio.NewScanner(out)
		for sc.Scan() {
			lines <- sc.Text()
		}
	}()
	timeout := time.After(2 * time.Minute)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatal("the program ended before it served")
			}
			if _, rest, ok := strings.Cut(line, "Open "); ok {
				url, _, _ := strings.Cut(rest, " ")
				go func() {
					for range lines {
					}
				}()
				return url
			}
		case <-timeout:
			t.Fatal("the program did not start to serve")
		}
	}
}

// browser starts Chromium with a fresh profile.
func browser(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.WindowSize(1280, 900))
	if path := os.Getenv("CHROMIUM"); path != "" {
		opts = append(opts, chromedp.ExecPath(path))
	}
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel2 := chromedp.NewContext(alloc)
	t.Cleanup(cancel2)
	ctx, cancel3 := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel3)
	return ctx
}

func run(t *testing.T, ctx context.Context, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var html string
		if e := chromedp.Run(ctx, chromedp.Text("body", &html, chromedp.ByQuery)); e == nil {
			t.Logf("page:\n%s", html)
		}
		t.Fatal(err)
	}
}

// shoot writes a screenshot to build/screenshots.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	var png []byte
	run(t, ctx, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		png, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).Do(ctx)
		return err
	}))
	dir := filepath.Join("..", "..", "build", "screenshots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

func theme(name string) chromedp.Action {
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}})
}

func size(w, h int64) chromedp.Action {
	return emulation.SetDeviceMetricsOverride(w, h, 1, w < 600)
}

// axe runs axe-core on the page; contrast, names, roles and the rest must have
// no violation.
func axe(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	src, err := os.ReadFile("../console/node_modules/axe-core/axe.min.js")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: run npm ci in web/console", err)
		}
		t.Logf("accessibility of %s not checked: %v (run npm ci in web/console)", where, err)
		return
	}
	type violation struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []struct {
			HTML    string `json:"html"`
			Summary string `json:"failureSummary"`
		} `json:"nodes"`
	}
	var result string
	run(t, ctx,
		chromedp.Evaluate(string(src)+";0", nil),
		chromedp.Evaluate(`axe.run().then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => ({html: n.html, failureSummary: n.failureSummary}))}))))`,
			&result, chromedp.EvalAsValue, awaitPromise))
	var list []violation
	if err := json.Unmarshal([]byte(result), &list); err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		for _, n := range v.Nodes {
			t.Errorf("%s: %s (%s): %s\n%s", where, v.ID, v.Help, n.HTML, n.Summary)
		}
	}
}

const (
	question   = "who directed the films written by Nora Ephron"
	unknown    = "who directed the films written by Zyxwv Qqqq"
	haveAnswer = `document.querySelector(".card.answer.answered .ans.in") !== null`
)

func ask(q string) chromedp.Tasks {
	return chromedp.Tasks{
		chromedp.WaitVisible("#question", chromedp.ByQuery),
		chromedp.SendKeys("#question", q+"\r", chromedp.ByQuery),
	}
}

// TestConsole follows a first-time user: ask, watch, read answer, query and
// proof, edit the query, get a refusal, look at an entity, run SPARQL.
func TestConsole(t *testing.T) {
	url := demo(t)
	ctx := browser(t)
	var faults []string
	chromedp.ListenTarget(ctx, func(ev any) {
		if s := fault(ev); s != "" {
			faults = append(faults, s)
		}
	})
	var answer, query, proof string
	run(t, ctx, theme("light"), size(1280, 900), chromedp.Navigate(url), chromedp.WaitVisible(".example", chromedp.ByQuery))
	axe(t, ctx, "home")
	run(t, ctx, ask(question),
		chromedp.WaitVisible(".stage-end", chromedp.ByQuery), // it streams: a stage is done before the answer is
		chromedp.Poll(haveAnswer, nil, chromedp.WithPollingTimeout(90*time.Second)),
		chromedp.Text("#answer", &answer, chromedp.ByQuery),
		chromedp.Text("#query", &query, chromedp.ByQuery),
		chromedp.Text("#proof", &proof, chromedp.ByQuery))
	for _, want := range []string{"Rob Reiner", "Herbert Ross"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer does not hold %q:\n%s", want, answer)
		}
	}
	if !strings.Contains(query, "SELECT") || !strings.Contains(proof, "Nora Ephron") {
		t.Errorf("query:\n%s\nproof:\n%s", query, proof)
	}
	for _, w := range []int64{1280, 390} {
		for _, th := range []string{"light", "dark"} {
			run(t, ctx, size(w, 900), theme(th), chromedp.Sleep(300*time.Millisecond))
			name := fmt.Sprintf("ask-%s-%d", th, w)
			shoot(t, ctx, name)
			axe(t, ctx, name)
			var over float64
			run(t, ctx, chromedp.Evaluate(fmt.Sprintf(`document.documentElement.scrollWidth - %d`, w), &over))
			if over > 0 {
				t.Errorf("%s: the page is %v px wider than the window", name, over)
			}
		}
	}
	// Choosing a statement marks it in the address.
	var address string
	run(t, ctx, size(1280, 900), theme("light"),
		chromedp.Click(".statements .choose", chromedp.ByQuery), chromedp.Location(&address))
	if !strings.Contains(address, "sel=") {
		t.Errorf("choosing a statement leaves the address %s", address)
	}
	// Edit and run.
	var diff string
	run(t, ctx,
		chromedp.Click("#query .head button", chromedp.ByQuery),
		chromedp.WaitVisible(".edited .editor", chromedp.ByQuery),
		chromedp.Click(".edited button.primary", chromedp.ByQuery),
		chromedp.WaitVisible("table.diff", chromedp.ByQuery),
		chromedp.Text(".edited", &diff, chromedp.ByQuery))
	if !strings.Contains(diff, "0 added, 0 removed") {
		t.Errorf("running the same query again differs:\n%s", diff)
	}
	// The address alone brings the run back.
	var again string
	run(t, ctx, chromedp.Evaluate(`history.replaceState(null, "", location.pathname)`, nil), chromedp.Reload(),
		chromedp.Poll(haveAnswer, nil), chromedp.Text("#answer", &again, chromedp.ByQuery))
	if !strings.Contains(again, "Herbert Ross") {
		t.Errorf("reloading the run shows:\n%s", again)
	}
	// A refusal names what is missing.
	var refusal string
	run(t, ctx, chromedp.Navigate(url), ask(unknown),
		chromedp.WaitVisible(".refusal", chromedp.ByQuery), chromedp.Text(".refusal", &refusal, chromedp.ByQuery))
	if !strings.Contains(strings.ToLower(refusal), "zyxwv qqqq") {
		t.Errorf("the refusal does not name what is missing:\n%s", refusal)
	}
	shoot(t, ctx, "refusal-light-1280")
	axe(t, ctx, "refusal")
	for _, w := range faults {
		t.Errorf("the page logged: %s", w)
	}
}

func TestQueryAndEntity(t *testing.T) {
	url := demo(t)
	ctx := browser(t)
	var rows, plan string
	run(t, ctx, theme("light"), size(1280, 900), chromedp.Navigate(url+"/query"),
		chromedp.WaitVisible(".query-view .editor", chromedp.ByQuery),
		chromedp.Click(".query-view .pick", chromedp.ByQuery), // the first example
		chromedp.Click(".query-view button.primary", chromedp.ByQuery),
		chromedp.WaitVisible("table.rows", chromedp.ByQuery),
		chromedp.Text("table.rows", &rows, chromedp.ByQuery))
	if strings.Count(rows, "\n") < 10 {
		t.Errorf("the example query shows:\n%s", rows)
	}
	shoot(t, ctx, "query-light-1280")
	axe(t, ctx, "query")
	run(t, ctx, chromedp.Click(`//button[text()="Explain"]`, chromedp.BySearch), chromedp.WaitVisible(".plan", chromedp.ByQuery), chromedp.Text(".plan", &plan, chromedp.ByQuery))
	if len(plan) < 20 {
		t.Errorf("plan: %s", plan)
	}
	var entity string
	run(t, ctx, theme("dark"), chromedp.Navigate(url+"/explore"), chromedp.WaitVisible("#search", chromedp.ByQuery),
		chromedp.SendKeys("#search", "nora ephron", chromedp.ByQuery),
		chromedp.WaitVisible("a.example", chromedp.ByQuery), chromedp.Click("a.example", chromedp.ByQuery),
		chromedp.WaitVisible(".groups", chromedp.ByQuery), chromedp.Text("main", &entity, chromedp.ByQuery))
	if !strings.Contains(entity, "Nora Ephron") || !strings.Contains(entity, "written by") {
		t.Errorf("entity page:\n%s", entity)
	}
	shoot(t, ctx, "entity-dark-1280")
	axe(t, ctx, "entity")
	run(t, ctx, size(390, 800), chromedp.Navigate(url+"/data"), chromedp.WaitVisible(".facts", chromedp.ByQuery))
	axe(t, ctx, "data")
	// The palette opens by key and leads to an entity.
	run(t, ctx, size(1280, 900), chromedp.Navigate(url), chromedp.WaitVisible("#question", chromedp.ByQuery),
		chromedp.KeyEvent("k", chromedp.KeyModifiers(2)), chromedp.WaitVisible(".palette input", chromedp.ByQuery),
		chromedp.SendKeys(".palette input", "ridley scott", chromedp.ByQuery),
		chromedp.WaitVisible(`.palette [aria-selected="true"]`, chromedp.ByQuery))
	axe(t, ctx, "palette")
}
