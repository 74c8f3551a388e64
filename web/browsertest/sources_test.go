//go:build browser

package browsertest

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestSources follows a figure from the answer to its cell: ask about a filing
// of the demo, open the cited span, see it marked and unchanged, then the fact
// table and the list of documents.
func TestSources(t *testing.T) {
	url := demo(t)
	ctx := tab(t, browser(t))
	run(t, ctx, size(1280, 900), theme("light"), chromedp.Navigate(url+"/"), ask("What was Apple's net income in fiscal 2024?"),
		chromedp.Poll(haveAnswer, nil, chromedp.WithPollingTimeout(20*time.Second)),
		chromedp.WaitVisible(".source .span-state.unchanged", chromedp.ByQuery))
	holds(t, "the answer", text(t, ctx, ".card.answer"), "93,736")
	cited := text(t, ctx, ".source blockquote mark")
	run(t, ctx, chromedp.Click(`//a[text()="Open in the document"]`, chromedp.BySearch),
		chromedp.WaitVisible(".blocks mark", chromedp.ByQuery), chromedp.WaitVisible("aside .span-state.unchanged", chromedp.ByQuery))
	if got := text(t, ctx, ".blocks mark"); got != cited {
		t.Errorf("the document marks %q, the answer cites %q", got, cited)
	}
	if y := eval[float64](t, ctx, `document.querySelector(".blocks mark").getBoundingClientRect().top`); y < 0 || y > 900 {
		t.Errorf("the mark is at %g of 900 pixels", y)
	}
	axe(t, ctx, "source")
	shoot(t, ctx, "source-light-1280")
	run(t, ctx, theme("dark"), size(390, 844))
	fits(t, ctx, "source on a phone", 390)
	axe(t, ctx, "source, dark, on a phone")
	run(t, ctx, theme("light"), size(1280, 900), chromedp.KeyEvent("n"),
		chromedp.Poll(`location.search.includes("p=")`, nil, chromedp.WithPollingTimeout(5*time.Second)))

	run(t, ctx, chromedp.Navigate(url+"/sources"), chromedp.WaitVisible("main table a", chromedp.ByQuery))
	list := text(t, ctx, "main")
	holds(t, "the list", strings.ToUpper(list), "APPLE", "NVIDIA", "10-K")
	axe(t, ctx, "sources")
	run(t, ctx, chromedp.SendKeys("#search", "nvidia", chromedp.ByQuery),
		chromedp.Poll(`document.querySelectorAll("main tbody tr").length === 2`, nil, chromedp.WithPollingTimeout(5*time.Second)),
		chromedp.Click(`//main//a[starts-with(normalize-space(.), "Facts")]`, chromedp.BySearch),
		chromedp.WaitVisible(".facts-table tbody tr", chromedp.ByQuery),
		chromedp.SendKeys("#search", "revenues"+kb.Enter, chromedp.ByQuery),
		chromedp.Poll(`[...document.querySelectorAll(".facts-table tbody tr")].every(r => /revenue/i.test(r.textContent))`, nil, chromedp.WithPollingTimeout(5*time.Second)))
	axe(t, ctx, "facts")
	shoot(t, ctx, "facts-light-1280")
}
