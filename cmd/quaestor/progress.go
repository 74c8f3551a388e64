package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress reports how far a long task is: a bar on a terminal, a line every
// ten seconds otherwise, JSON lines for programs, or nothing. Update may be
// called from any goroutine.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	format  string
	what    string
	unit    string
	total   int64 // 0 = unknown
	started time.Time
	last    time.Time
	bar     *progressbar.ProgressBar
	done    int64
}

const plainEvery = 10 * time.Second

// newProgress starts reporting; total 0 means unknown. The unit is "bytes" for
// byte counts, else a word such as "rows".
func (a *app) newProgress(what, unit string, total int64) *progress {
	format := a.progressFormat
	if a.quiet {
		format = "none"
	}
	if format == "auto" {
		format = "plain"
		if f, ok := a.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			format = "bar"
		}
	}
	p := &progress{w: a.err, format: format, what: what, unit: unit, total: total, started: time.Now(), last: time.Now()}
	if format == "bar" {
		max := total
		if max <= 0 {
			max = -1
		}
		opts := []progressbar.Option{
			progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what),
			progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionShowCount(),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true),
		}
		if unit == "bytes" {
			opts = append(opts, progressbar.OptionShowBytes(true))
		} else {
			opts = append(opts, progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit))
		}
		p.bar = progressbar.NewOptions64(max, opts...)
	}
	return p
}

// Set reports that n units are done; note is shown beside them.
func (p *progress) Set(n int64, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = n
	switch p.format {
	case "bar":
		if note != "" {
			p.bar.Describe(p.what + " " + note)
		}
		p.bar.Set64(n)
	case "plain":
		if time.Since(p.last) >= plainEvery {
			p.last = time.Now()
			p.line(note)
		}
	case "json":
		if time.Since(p.last) >= time.Second {
			p.last = time.Now()
			p.jsonLine(note, false)
		}
	}
}

// Finish removes the bar, or writes the last line of a task that was long
// enough to report at all.
func (p *progress) Finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.format {
	case "bar":
		p.bar.Finish()
	case "plain":
		if time.Since(p.started) >= plainEvery {
			p.line("done")
		}
	case "json":
		p.jsonLine("", true)
	}
}

func (p *progress) line(note string) {
	elapsed := time.Since(p.started)
	fmt.Fprintf(p.w, "%s: %d", p.what, p.done)
	if p.total > 0 {
		fmt.Fprintf(p.w, " of %d", p.total)
	}
	fmt.Fprintf(p.w, " %s in %s", p.unit, elapsed.Round(time.Second))
	if p.total > 0 && p.done > 0 && p.done < p.total {
		left := time.Duration(float64(elapsed) * float64(p.total-p.done) / float64(p.done))
		fmt.Fprintf(p.w, ", about %s left", left.Round(time.Second))
	}
	if note != "" {
		fmt.Fprintf(p.w, ", %s", note)
	}
	fmt.Fprintln(p.w)
}

func (p *progress) jsonLine(note string, end bool) {
	b, err := json.Marshal(struct {
		Task    string  `json:"task"`
		Unit    string  `json:"unit"`
		Done    int64   `json:"done"`
		Total   int64   `json:"total,omitempty"`
		Seconds float64 `json:"seconds"`
		Note    string  `json:"note,omitempty"`
		End     bool    `json:"end,omitempty"`
	}{p.what, p.unit, p.done, p.total, time.Since(p.started).Seconds(), note, end})
	if err == nil {
		fmt.Fprintf(p.w, "%s\n", b)
	}
}
