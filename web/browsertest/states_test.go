//go:build browser

package browsertest

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tab opens a new tab of the browser that reports its faults when the test ends.
func tab(t *testing.T, parent context.Context) context.Context {
	t.Helper()
	limited, end := context.WithTimeout(parent, 40*time.Second)
	t.Cleanup(end)
	ctx, cancel := chromedp.NewContext(limited)
	var faults []string
	chromedp.ListenTarget(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *page.EventJavascriptDialogOpening:
			faults = append(faults, "a dialog opened: "+ev.Message)
		default:
			if s := fault(ev); s != "" {
				faults = append(faults, s)
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		for _, s := range faults {
			t.Errorf("the page logged: %s", s)
		}
	})
	return ctx
}

const (
	done     = `document.querySelector(".card.answer:not(.running)") !== null && document.querySelector("#question") === null`
	observed = `(() => { window.shift = 0; window.moved = []; new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) { window.shift += e.value; window.moved.push(e.value.toFixed(4) + " " + e.sources.map(s => s.node && (s.node.id || s.node.className || s.node.nodeName)).join(",")) } }).observe({type: "layout-shift", buffered: true}) })()`
)

func open(f *fixture, q string) chromedp.Tasks {
	return chromedp.Tasks{chromedp.Navigate(f.URL), chromedp.WaitVisible("#question", chromedp.ByQuery), ask(q)}
}

func text(t *testing.T, ctx context.Context, selector string) string {
	t.Helper()
	var s string
	run(t, ctx, chromedp.Text(selector, &s, chromedp.ByQuery))
	return s
}

func eval[V any](t *testing.T, ctx context.Context, js string) V {
	t.Helper()
	var v V
	run(t, ctx, chromedp.Evaluate(js, &v))
	return v
}

func holds(t *testing.T, where, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s does not hold %q:\n%s", where, w, got)
		}
	}
}

// fits checks that the page is not wider than the screen. A phone's browser
// widens innerWidth to the content, so the emulated width is the measure.
func fits(t *testing.T, ctx context.Context, where string, width int64) {
	t.Helper()
	if w := eval[float64](t, ctx, `document.documentElement.scrollWidth`); w > float64(width) {
		wide := eval[[]string](t, ctx, fmt.Sprintf(`[...document.querySelectorAll("main *, header *")].filter(e => e.getBoundingClientRect().right > %d && !e.closest(".scroll, .readings, pre, nav")).map(e => e.tagName + "." + e.className).slice(0, 8)`, width))
		t.Errorf("%s: the page is %v px wide, the screen %d: %v", where, w, width, wide)
	}
}

// TestStates plays the recorded runs in one browser.
func TestStates(t *testing.T) {
	f := newFixture(t)
	parent := browser(t)
	run(t, parent, size(1280, 900), theme("light"))

	t.Run("an answer streams and stands still", func(t *testing.T) {
		for _, width := range []int64{1280, 390} {
			ctx := tab(t, parent)
			run(t, ctx, size(width, 900), theme("light"), chromedp.Navigate(f.URL), chromedp.WaitVisible("#question", chromedp.ByQuery),
				chromedp.Evaluate(observed, nil), ask(awsQuestion),
				chromedp.WaitVisible(".stage-start", chromedp.ByQuery),
				chromedp.WaitVisible("#query del", chromedp.ByQuery)) // a retracted piece is struck before it goes
			if width == 1280 {
				shoot(t, ctx, "states-streaming-light-1280")
				axe(t, ctx, "streaming")
			}
			run(t, ctx, chromedp.Poll(done, nil))
			answer := text(t, ctx, "#answer")
			holds(t, "the answer", answer, "+72.9 %", "AWS net sales grew from $62,202 million in fiscal 2021", "$107,556 million in fiscal 2024",
				"94 of 100", "412", "recomputed here", "Derived", "Stated", "p. 69, Amazon.com 10-K, fiscal 2023", "62,202,000,000")
			if strings.Contains(answer, "unsupported") {
				t.Errorf("an honest answer is called unsupported:\n%s", answer)
			}
			stages := eval[[]string](t, ctx, `[...document.querySelectorAll(".stages li")].map(x => x.className)`)
			if want := []string{"stage-end", "stage-end", "stage-end", "stage-end", "stage-end", "stage-end"}; !reflect.DeepEqual(stages, want) {
				t.Errorf("stages at the end: %v", stages)
			}
			if shift := eval[float64](t, ctx, "window.shift"); shift > 0.02 {
				t.Errorf("%d px: the page moved under the reader: layout shift %.4f\n%s", width, shift, strings.Join(eval[[]string](t, ctx, "window.moved"), "\n"))
			} else {
				t.Logf("%d px: layout shift %.4f", width, shift)
			}
			fits(t, ctx, fmt.Sprint(width, " px"), width)
			for _, th := range []string{"light", "dark"} {
				run(t, ctx, theme(th), chromedp.Sleep(200*time.Millisecond))
				name := fmt.Sprintf("states-answered-%s-%d", th, width)
				shoot(t, ctx, name)
				axe(t, ctx, name)
			}
		}
	})

	t.Run("row, edge, statement and mark are chosen together", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, size(1280, 900), open(f, awsQuestion), chromedp.Poll(done, nil),
			chromedp.Click("#rows tbody tr:nth-child(2) td:last-child a", chromedp.ByQuery),
			chromedp.WaitVisible("#rows tr.sel", chromedp.ByQuery))
		if n := eval[int](t, ctx, `[...document.querySelectorAll("#rows tbody tr")].findIndex(x => x.classList.contains("sel"))`); n != 1 {
			t.Errorf("row %d is marked, want the second", n)
		}
		holds(t, "the chosen statement", text(t, ctx, ".statements li.on"), "Amazon.com", "10-K 2024")
		holds(t, "the source", text(t, ctx, "#source"), "fiscal 2024", "107,556", "changed")
		if n := eval[int](t, ctx, `document.querySelectorAll(".path .edge.lit").length`); n != 1 {
			t.Errorf("%d edges are lit, want 1", n)
		}
		holds(t, "the address", eval[string](t, ctx, "location.search"), "sel=e3")
		// Arrow keys walk the path.
		run(t, ctx, chromedp.Focus(".path-box", chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowRight))
		holds(t, "the address", eval[string](t, ctx, "location.search"), "sel=e4")
	})

	t.Run("digits that no row supports are shown as such", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, open(f, "loose-digit: "+awsQuestion), chromedp.Poll(done, nil))
		if n := eval[int](t, ctx, `document.querySelectorAll("#answer .ans p .unsupported").length`); n != 2 {
			t.Errorf("%d segments are called unsupported, want 2:\n%s", n, text(t, ctx, "#answer"))
		}
	})

	t.Run("a derived value that differs is shown as such", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, open(f, "tampered: "+awsQuestion), chromedp.Poll(done, nil))
		holds(t, "the answer", text(t, ctx, "#answer"), "recomputed differently")
	})

	t.Run("without calibration there is no number", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, open(f, "uncalibrated: "+awsQuestion), chromedp.Poll(done, nil))
		page := text(t, ctx, "body")
		if strings.Contains(page, "of 100") {
			t.Errorf("the page gives a confidence:\n%s", page)
		}
		holds(t, "the page", page, "8 of 10 drafts agree", "not calibrated")
	})

	t.Run("a refusal offers a way on", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, open(f, "refused: Who runs Acme Corp?"), chromedp.WaitVisible(".refusal", chromedp.ByQuery), chromedp.Poll(done, nil))
		holds(t, "the refusal", text(t, ctx, "#answer"), "Not answered", "Nothing here is called “Acme Corp”", "labels and aliases", "unknown-entity", "Acme United")
		if n := eval[int](t, ctx, `document.querySelectorAll("#answer table, #answer .conf, [role=alert]").length`); n != 0 {
			t.Errorf("the refusal shows %d tables, scores or alarms", n)
		}
		for _, width := range []int64{1280, 390} {
			for _, th := range []string{"light", "dark"} {
				run(t, ctx, size(width, 900), theme(th), chromedp.Sleep(150*time.Millisecond))
				name := fmt.Sprintf("states-refused-%s-%d", th, width)
				shoot(t, ctx, name)
				axe(t, ctx, name)
			}
		}
		run(t, ctx, size(1280, 900), theme("light"), chromedp.Click(".refusal .primary", chromedp.ByQuery), chromedp.Poll(`document.querySelector("#rows") !== null`, nil))
		f.mu.Lock()
		last := f.asked[len(f.asked)-1]
		f.mu.Unlock()
		want := []any{map[string]any{"from": 9.0, "to": 18.0, "iri": "http://example.org/acme1"}}
		if !reflect.DeepEqual(last["links"], want) {
			t.Errorf("the first action asked again with links %v, want %v", last["links"], want)
		}
	})

	t.Run("a problem names stage, limit and remedy and keeps the query", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, open(f, "problem: What takes too long?"), chromedp.Poll(done, nil))
		holds(t, "the problem", text(t, ctx, "#answer"), "longer than allowed", "exec.hashjoin", "30.0 s of 30 s", "--query-timeout", "timeout", "request 0f3a", "Try again", "Open in Query")
		shoot(t, ctx, "states-problem-light-1280")
		axe(t, ctx, "problem")
	})

	t.Run("stop is confirmed by the server and keeps what came", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, open(f, "held: "+awsQuestion), chromedp.WaitVisible("#query .slot", chromedp.ByQuery), chromedp.Poll(`document.querySelectorAll(".stage-end").length >= 2`, nil),
			chromedp.KeyEvent(".", chromedp.KeyModifiers(2)), chromedp.Poll(done, nil))
		holds(t, "the stopped answer", text(t, ctx, "#answer"), "Stopped")
		holds(t, "the query", text(t, ctx, "#query"), "fin:member")
	})

	t.Run("a broken line is resumed to the same page", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, open(f, awsQuestion), chromedp.Poll(done, nil))
		want := text(t, ctx, "main")
		run(t, ctx, open(f, "cut: "+awsQuestion), chromedp.Poll(done, nil))
		if got := text(t, ctx, "main"); got != want {
			t.Errorf("after a resume the page reads\n%s\nwant\n%s", got, want)
		}
		// The address opens the recorded run.
		run(t, ctx, chromedp.Reload(), chromedp.Poll(done, nil))
		if got := text(t, ctx, "main"); got != want {
			t.Errorf("reloaded, the page reads\n%s\nwant\n%s", got, want)
		}
		run(t, ctx, chromedp.Navigate(f.URL+"/ask/never"), chromedp.WaitVisible(".problem", chromedp.ByQuery))
		holds(t, "an unknown run", text(t, ctx, ".problem"), "There is no such run here", "not-found")
	})

	t.Run("hostile data stays data", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, open(f, "hostile: x"), chromedp.Poll(done, nil), chromedp.Click(".mention", chromedp.ByQuery), chromedp.WaitVisible("dialog", chromedp.ByQuery))
		if eval[bool](t, ctx, `window.pwned !== undefined`) {
			t.Error("script from the data ran")
		}
		if n := eval[int](t, ctx, `document.querySelectorAll("#app img, #app script, #app b > b, [onerror]").length`); n != 0 {
			t.Errorf("%d elements came from the data", n)
		}
		if bad := eval[[]string](t, ctx, `[...document.querySelectorAll("a[href]")].map(a => a.getAttribute("href")).filter(h => !/^(\/|#|\?|https?:)/.test(h))`); len(bad) > 0 {
			t.Errorf("links lead to %v", bad)
		}
		if page := eval[string](t, ctx, `document.body.innerText`); strings.ContainsRune(page, '\u202e') || !strings.Contains(page, "<img src=x") {
			t.Error("a bidirectional override is shown as such, or the markup is not shown as text")
		}
		fits(t, ctx, "a long literal", 1280)
	})

	t.Run("keys alone", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, chromedp.Navigate(f.URL+"/system"), chromedp.WaitVisible(".checks", chromedp.ByQuery),
			chromedp.KeyEvent("g"), chromedp.KeyEvent("a"), chromedp.WaitVisible("#question", chromedp.ByQuery), chromedp.Evaluate(`document.activeElement.blur()`, nil),
			chromedp.KeyEvent("/"))
		if id := eval[string](t, ctx, "document.activeElement.id"); id != "question" {
			t.Errorf("/ goes to %q", id)
		}
		run(t, ctx, chromedp.KeyEvent(awsQuestion), chromedp.KeyEvent(kb.Enter), chromedp.Poll(done, nil))
		// In a fresh tab, Tab walks from the top; every stop has a visible ring and a name.
		address := eval[string](t, ctx, "location.href")
		ctx = tab(t, parent)
		run(t, ctx, chromedp.Navigate(address), chromedp.Poll(done, nil))
		seen := map[string]bool{}
		for range 60 {
			run(t, ctx, chromedp.KeyEvent(kb.Tab))
			stop := eval[map[string]any](t, ctx, `(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect(); return {tag: e.tagName, name: (e.getAttribute("aria-label") || e.innerText || "").trim().slice(0, 60), ring: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2, seen: r.width > 0 && r.bottom > 0 && r.top < innerHeight} })()`)
			if stop["tag"] == "BODY" {
				break
			}
			seen[fmt.Sprint(stop["name"])] = true
			if stop["ring"] != true || stop["seen"] != true || stop["name"] == "" {
				t.Errorf("focus is lost at %v", stop)
			}
		}
		for _, name := range []string{"Skip to the content", "Ask again", "Export", "Copy link", "Edit and run", "Amazon"} {
			if !seen[name] {
				t.Errorf("Tab does not reach %q", name)
			}
		}
		run(t, ctx, chromedp.Evaluate(`document.activeElement.blur()`, nil), chromedp.KeyEvent("?"), chromedp.WaitVisible("dialog .keys", chromedp.ByQuery),
			chromedp.KeyEvent(kb.Escape), chromedp.WaitNotPresent("dialog", chromedp.ByQuery))
		// The palette goes to an entity and back to a question.
		run(t, ctx, chromedp.KeyEvent("k", chromedp.KeyModifiers(2)), chromedp.WaitVisible(".palette input", chromedp.ByQuery), chromedp.KeyEvent("amazon"),
			chromedp.Poll(`document.querySelector('.palette [aria-selected="true"]')?.innerText.includes("Amazon.com")`, nil), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("main.entity", chromedp.ByQuery))
	})

	t.Run("an entity page pages and names gaps", func(t *testing.T) {
		ctx := tab(t, parent)
		run(t, ctx, chromedp.Navigate(f.URL+"/explore?iri=http%3A%2F%2Fe%2Famzn"), chromedp.WaitVisible("main.entity", chromedp.ByQuery))
		holds(t, "the entity page", text(t, ctx, "main"), "Amazon.com", "company:AMZN", "A company.", "Company", "filing of", "10-K 2023", "_:b12", "<img src=x", "headquarters", "98 %", "odd property", "Who leads Amazon.com?")
		for _, width := range []int64{1280, 390} {
			for _, th := range []string{"light", "dark"} {
				run(t, ctx, size(width, 900), theme(th), chromedp.Sleep(100*time.Millisecond))
				name := fmt.Sprintf("states-entity-%s-%d", th, width)
				shoot(t, ctx, name)
				axe(t, ctx, name)
			}
		}
		run(t, ctx, size(1280, 900), chromedp.Click(".groups dd .plain", chromedp.ByQuery), chromedp.Poll(`document.querySelector("main").innerText.includes("The last one")`, nil))
		if n := eval[int](t, ctx, `document.querySelectorAll(".groups dd .plain").length`); n != 0 {
			t.Error("there is more to show after the last page")
		}
	})

	for _, view := range []struct{ path, ready string }{{"/data", ".facts"}, {"/system", ".checks"}, {"/", ".example"}, {"/explore", "#search"}} {
		t.Run("view "+view.path, func(t *testing.T) {
			ctx := tab(t, parent)
			for _, width := range []int64{1280, 390} {
				for _, th := range []string{"light", "dark"} {
					run(t, ctx, size(width, 900), theme(th), chromedp.Navigate(f.URL+view.path), chromedp.WaitVisible(view.ready, chromedp.ByQuery))
					name := fmt.Sprintf("states-view%s-%s-%d", strings.ReplaceAll(view.path, "/", "-"), th, width)
					shoot(t, ctx, name)
					axe(t, ctx, name)
					fits(t, ctx, name, width)
				}
			}
		})
	}
}
