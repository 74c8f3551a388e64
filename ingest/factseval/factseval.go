// Package factseval compares the facts that ingest/edgar reads with an answer
// key: JSON lines of facts, one file for each filing.
package factseval

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quaestor-kg/quaestor/ingest/edgar"
)

// Key is a fact of the answer key.
type Key struct {
	ID      string     `json:"id"`
	Concept string     `json:"concept"`
	Context string     `json:"ctx"`
	Period  []string   `json:"period"`
	Dims    [][]string `json:"dims"`
	Unit    string     `json:"unit"`
	Value   float64    `json:"value"`
	Page    int        `json:"page"`
}

// Result is the comparison of all filings. Equal facts agree in id, concept,
// period, dimensions, unit and value; pages are counted apart, over them.
type Result struct {
	Filings  int     `json:"filings"`
	Facts    int     `json:"facts"` // of the key
	Equal    int     `json:"equal"`
	Missing  int     `json:"missing"`
	Extra    int     `json:"extra"` // read as numbers, but not in the key
	Wrong    int     `json:"wrong"`
	Pages    int     `json:"pages_equal"`
	Rate     float64 `json:"equal_rate"`
	PageRate float64 `json:"page_rate"`
	Read     int     `json:"read"` // all tags, texts and empty ones included
	Problems int     `json:"problems"`
	Bytes    int64   `json:"bytes"`
	Seconds  float64 `json:"seconds"`
	Failed   int     `json:"failed"` // filings that could not be read at all
}

// Diff is told about each difference.
type Diff func(filing, id, what string)

// Run compares every file of a folder of filings that has a key: the key of
// DIR/NAME.html is GOLD/NAME.jsonl.gz or GOLD/facts/NAME.jsonl.gz.
func Run(ctx context.Context, filings, gold string, diff Diff, progress func(done, total int)) (Result, error) {
	if st, err := os.Stat(filepath.Join(gold, "facts")); err == nil && st.IsDir() {
		gold = filepath.Join(gold, "facts")
	}
	type job struct{ file, key string }
	var jobs []job
	err := filepath.WalkDir(filings, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		stem := strings.TrimSuffix(d.Name(), filepath.Ext(d.Name()))
		for _, ext := range []string{".jsonl.gz", ".jsonl"} {
			key := filepath.Join(gold, stem+ext)
			if _, err := os.Stat(key); err == nil && !strings.HasPrefix(filepath.Ext(name), ".js") && filepath.Ext(name) != ".gz" {
				jobs = append(jobs, job{name, key})
				break
			}
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	if len(jobs) == 0 {
		return Result{}, fmt.Errorf("no file of %s has a key NAME.jsonl.gz in %s", filings, gold)
	}
	start := time.Now()
	var mu sync.Mutex
	var total Result
	var errs []error
	var wg sync.WaitGroup
	next := make(chan job)
	done := 0
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wg.Go(func() {
			for j := range next {
				r, err := one(ctx, j.file, j.key, func(filing, id, what string) {
					if diff != nil {
						mu.Lock()
						defer mu.Unlock()
						diff(filing, id, what)
					}
				})
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
					total.Failed++
				}
				total.add(r)
				done++
				if progress != nil {
					progress(done, len(jobs))
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		next <- j
	}
	close(next)
	wg.Wait()
	total.Filings = len(jobs)
	total.Seconds = time.Since(start).Seconds()
	if total.Facts > 0 {
		total.Rate = float64(total.Equal) / float64(total.Facts)
		total.PageRate = float64(total.Pages) / float64(max(1, total.Equal))
	}
	return total, errors.Join(append(errs, ctx.Err())...)
}

func (r *Result) add(o Result) {
	r.Facts += o.Facts
	r.Equal += o.Equal
	r.Missing += o.Missing
	r.Extra += o.Extra
	r.Wrong += o.Wrong
	r.Pages += o.Pages
	r.Read += o.Read
	r.Problems += o.Problems
	r.Bytes += o.Bytes
}

func one(ctx context.Context, file, keyFile string, diff Diff) (r Result, err error) {
	keys, err := readKeys(keyFile)
	if err != nil {
		return r, err
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	r.Bytes = int64(len(body))
	f, err := edgar.Read(ctx, []edgar.File{{Name: filepath.Base(file), Body: body}})
	if err != nil {
		return r, err
	}
	r.Problems = len(f.Problems)
	r.Read = len(f.Facts)
	name := filepath.Base(file)
	for _, p := range f.Problems {
		diff(name, "", "problem: "+p.String())
	}
	// A key without an id is found by what it says.
	got := map[string][]edgar.Line{}
	numbers := 0
	for i := range f.Facts {
		x := &f.Facts[i]
		if x.Numeric && x.Valid {
			numbers++
			l := f.Line(x)
			id := l.ID
			if strings.HasPrefix(id, "b") && strings.TrimLeft(id[1:], "0123456789") == "" {
				id = ""
			}
			id, _, _ = strings.Cut(id, "~")
			got[id] = append(got[id], l)
		}
	}
	r.Facts = len(keys)
	for _, k := range keys {
		list := got[k.ID]
		if len(list) == 0 {
			r.Missing++
			diff(name, k.ID, "missing: "+k.Concept)
			continue
		}
		i := slices.IndexFunc(list, func(l edgar.Line) bool { return why(k, l) == "" && l.Page == k.Page })
		if i < 0 {
			i = slices.IndexFunc(list, func(l edgar.Line) bool { return why(k, l) == "" })
		}
		if i < 0 {
			r.Wrong++
			diff(name, k.ID, why(k, list[0]))
			i = 0
		} else {
			r.Equal++
			if list[i].Page == k.Page {
				r.Pages++
			} else {
				diff(name, k.ID, fmt.Sprintf("page %d, want %d", list[i].Page, k.Page))
			}
		}
		got[k.ID] = slices.Delete(slices.Clone(list), i, i+1)
	}
	for _, list := range got {
		for _, l := range list {
			r.Extra++
			diff(name, l.ID, fmt.Sprintf("extra: %s %v %q", l.Concept, l.Value, l.Text))
		}
	}
	return r, nil
}

func readKeys(name string) ([]Key, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(bytes.NewReader(b))
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		in = bufio.NewReader(z)
	}
	var keys []Key
	d := json.NewDecoder(in)
	for d.More() {
		var k Key
		if err := d.Decode(&k); err != nil {
			return nil, fmt.Errorf("%s: fact %d: %w", name, len(keys)+1, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// why says in what a fact differs from its key.
func why(k Key, l edgar.Line) string {
	switch {
	case k.Concept != l.Concept:
		return fmt.Sprintf("concept %s, want %s", l.Concept, k.Concept)
	case !slices.Equal(k.Period, l.Period):
		return fmt.Sprintf("period %v, want %v", l.Period, k.Period)
	case k.Unit != l.Unit:
		return fmt.Sprintf("unit %s, want %s", l.Unit, k.Unit)
	case !dimsEqual(k.Dims, l.Dims):
		return fmt.Sprintf("dimensions %v, want %v", l.Dims, k.Dims)
	}
	v, err := l.Value.(json.Number).Float64()
	if err != nil || math.Abs(v-k.Value) > 1e-9*math.Abs(k.Value) {
		return fmt.Sprintf("value %v, want %v", l.Value, k.Value)
	}
	return ""
}

func dimsEqual(a [][]string, b [][2]string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if len(a[i]) != 2 || a[i][0] != b[i][0] || a[i][1] != b[i][1] {
			return false
		}
	}
	return true
}
