//go:build browser

package browsertest

import (
	"fmt"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
)

// awaitPromise makes Evaluate wait for the promise that a script gives.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams {
	return p.WithAwaitPromise(true)
}

// fault describes an uncaught exception or a violated security policy.
func fault(ev any) string {
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		return ev.ExceptionDetails.Error()
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.LevelError && ev.Entry.Source == log.SourceSecurity {
			return fmt.Sprint(ev.Entry.Text)
		}
	}
	return ""
}
