// Package ingest brings documents into a store: it reads filings and texts,
// makes statements of what they say, each with the run, the source, the span
// and the time it came from, and keeps the documents beside them. Whatever
// cannot be read is named in the report, and the rest is kept.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quaestor-kg/quaestor/ingest/csvmap"
	"github.com/quaestor-kg/quaestor/ingest/edgar"
	"github.com/quaestor-kg/quaestor/ingest/reflectkg"
	"github.com/quaestor-kg/quaestor/ingest/resolve"
	"github.com/quaestor-kg/quaestor/ingest/source"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
)

// Options says how to ingest. The zero value is useful.
type Options struct {
	// Labels are labels of standard concepts, for filings without linkbases.
	Labels Labels
	// Mapping says what the rows of tables in CSV state.
	Mapping *csvmap.Mapping
	// Replace takes the place of a filing that is there with other bytes.
	Replace bool
	// Workers is how many documents are read at a time. Default all cores.
	Workers int
	// BatchBytes and BatchUnits bound what is committed at a time. Defaults 48 MiB
	// and 24.
	BatchBytes int64
	BatchUnits int
	// Now is the time of the run. Default time.Now.
	Now func() time.Time
	// Program names what ran, such as "quaestor v1.0".
	Program string
	// OnProgress is told the documents and bytes that are done.
	OnProgress func(units int, bytes int64, name string)
}

// Problem is something that could not be read as it stands.
type Problem struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// Error makes a Problem readable.
func (p Problem) Error() string {
	if strings.HasPrefix(p.What, p.Path) || p.Path == "" {
		return p.What
	}
	return p.Path + ": " + p.What
}

// Report is what a run did.
type Report struct {
	Run        string    `json:"run"`
	Documents  int       `json:"documents"` // filings and texts added
	Present    int       `json:"present"`   // were there already
	Replaced   int       `json:"replaced"`
	Failed     int       `json:"failed"` // could not be read at all
	Facts      int       `json:"facts"`
	Spans      int       `json:"spans"`
	Statements int64     `json:"statements"` // added
	Errors     int       `json:"errors"`     // problems of all kinds
	Bytes      int64     `json:"bytes"`
	Seconds    float64   `json:"seconds"`
	Problems   []Problem `json:"problems"`
	Added      []string  `json:"added"` // IRIs of main documents
}

func (r *Report) problem(path, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{path, fmt.Sprintf(format, args...)})
}

// batcher is a store that loads many statements faster in slices.
type batcher interface {
	LoadBatches(ctx context.Context, batches iter.Seq2[[]kg.TermQuad, error]) (kg.LoadStats, error)
}

// Run reads units and writes them into the store. Each filing is written
// whole or not at all. An error is one of the store or of ctx; faults of
// documents are in the report.
func Run(ctx context.Context, st kg.Store, units iter.Seq2[source.Unit, error], o Options) (*Report, error) {
	o.defaults()
	blobs, ok := st.(kg.BlobStore)
	if !ok {
		return nil, errors.New("ingest: this kind of store keeps no documents")
	}
	now := o.Now()
	rep := &Report{Run: newRun(now), Problems: []Problem{}, Added: []string{}}
	w := &writer{st: st, blobs: blobs, o: &o, rep: rep, now: now}
	if err := w.known(ctx); err != nil {
		return nil, err
	}
	// Errors stop the readers; those of reading a unit are results as well.
	ctx2, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, o.Workers)
	go read(ctx2, units, &o, rep.Run, now, results)
	var failed error
	for r := range results {
		if failed != nil {
			continue // drain
		}
		if err := w.take(ctx, r); err != nil {
			failed = err
			cancel()
		}
	}
	if failed == nil {
		failed = ctx.Err()
	}
	if failed == nil {
		failed = w.flush(ctx)
	}
	if failed == nil && rep.Documents > 0 {
		if _, err := resolve.Run(ctx, st); err != nil {
			failed = err
		}
	}
	rep.Seconds = time.Since(now).Seconds()
	if o.Now != nil && rep.Seconds < 0 {
		rep.Seconds = 0
	}
	rep.Errors = len(rep.Problems)
	return rep, failed
}

func (o *Options) defaults() {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 48 << 20
	}
	if o.BatchUnits <= 0 {
		o.BatchUnits = 24
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Program == "" {
		o.Program = "quaestor"
	}
}

func newRun(now time.Time) string {
	return "urn:quaestor:run:" + now.UTC().Format("20060102T150405.000000000Z")
}

// result is what became of one unit.
type result struct {
	bundles []*bundle
	bytes   int64
	path    string
	err     error
	wide    error // not of this unit alone
}

// read reads units on several cores and sends their results in order.
func read(ctx context.Context, units iter.Seq2[source.Unit, error], o *Options, run string, now time.Time, out chan<- result) {
	defer close(out)
	type slot chan result
	queue := make(chan slot, 4*o.Workers) // readers go on while a batch is committed
	var wg sync.WaitGroup
	go func() {
		defer close(queue)
		limit := make(chan struct{}, o.Workers)
		for u, err := range units {
			s := make(slot, 1)
			select {
			case queue <- s:
			case <-ctx.Done():
				return
			}
			if err != nil {
				var file *source.Error
				if errors.As(err, &file) {
					s <- result{path: file.Path, err: file.Err}
					continue
				}
				s <- result{wide: err}
				return
			}
			limit <- struct{}{}
			wg.Go(func() {
				defer func() { <-limit }()
				s <- readUnit(ctx, u, o, run, now)
			})
		}
	}()
	for s := range queue {
		out <- <-s
	}
	wg.Wait()
}

// readUnit reads one unit. A fault of ours in it is a fault of that unit alone.
func readUnit(ctx context.Context, u source.Unit, o *Options, run string, now time.Time) (r result) {
	r = result{path: u.Path, bytes: u.Bytes()}
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("it could not be read (%v); please report it with the file", p)
			r.bundles = nil
		}
	}()
	if len(u.Files) == 1 && reflectkg.Is(u.Files[0].Body) {
		if r.bundles = records(u, run, now); len(r.bundles) == 0 {
			r.err = errors.New("none of its lines is a record")
		}
	} else if len(u.Files) == 1 && isTable(u.Files[0].Name) {
		b, err := rows(u, o, run, now)
		if err != nil {
			r.err = err
			return r
		}
		r.bundles = []*bundle{b}
	} else {
		files, remarks, err := formats(u.Files)
		if err != nil {
			r.err = err
			return r
		}
		f, err := edgar.Read(ctx, files)
		if err != nil {
			r.wide = err
			return r
		}
		f.Header = u.Header
		if err := worthless(f); err != nil {
			r.err = err
			return r
		}
		b := build(u.Path, f, o, run, now)
		b.problems = append(b.problems, remarks...)
		r.bundles = []*bundle{b}
	}
	for _, b := range r.bundles {
		for _, t := range b.trees {
			var enc []byte
			if t != nil {
				enc = t.Encode()
			}
			b.encoded = append(b.encoded, enc)
		}
	}
	return r
}

// worthless says why there is nothing in a unit to keep.
func worthless(f *edgar.Filing) error {
	if len(f.Files) == 0 {
		return errors.New("there is no document in it that can be read (want HTML, text, Markdown, PDF or XBRL)")
	}
	text := 0
	login, scripts := false, false
	for _, p := range f.Files {
		if p.Tree != nil {
			text += len(strings.TrimSpace(p.Tree.Text))
		}
		l := strings.ToLower(string(p.Body[:min(len(p.Body), 1<<20)]))
		login = login || strings.Contains(l, `type="password"`) || strings.Contains(l, "type=password") || strings.Contains(l, "type='password'")
		scripts = scripts || strings.Contains(l, "<script")
	}
	switch {
	case len(f.Facts) > 0:
		return nil
	case login && text < 4000:
		return errors.New("it is a page that asks for a password; save the document itself")
	case text == 0 && scripts:
		return errors.New("it has scripts but no text; save the page as the browser shows it")
	case text == 0:
		return errors.New("it has no text")
	}
	return nil
}

// writer commits bundles.
type writer struct {
	st    kg.Store
	blobs kg.BlobStore
	o     *Options
	rep   *Report
	now   time.Time

	graphs map[string][]string // graph -> hashes of its documents
	hashes map[string]string   // hash of a main document -> graph
	batch  []*bundle
	bytes  int64
	units  int
	total  int64
}

// known reads which documents are there.
func (w *writer) known(ctx context.Context) error {
	s, err := w.st.Snapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	docs, err := doc.List(ctx, s)
	if err != nil {
		return err
	}
	w.graphs, w.hashes = map[string][]string{}, map[string]string{}
	for _, d := range docs {
		w.graphs[d.Graph] = append(w.graphs[d.Graph], d.SHA256)
		if d.Main() {
			w.hashes[d.SHA256] = d.Graph
		}
	}
	return nil
}

// take decides what becomes of a unit.
func (w *writer) take(ctx context.Context, r result) error {
	if r.wide != nil {
		return r.wide
	}
	w.units++
	w.total += r.bytes
	defer func() {
		if w.o.OnProgress != nil {
			w.o.OnProgress(w.units, w.total, r.path)
		}
	}()
	if r.err != nil {
		w.rep.Failed++
		w.rep.problem(r.path, "%v", r.err)
		return nil
	}
	for _, b := range r.bundles {
		if err := w.bundle(ctx, r.path, b); err != nil {
			return err
		}
	}
	w.bytes += r.bytes
	if w.bytes >= w.o.BatchBytes || len(w.batch) >= w.o.BatchUnits {
		return w.flush(ctx)
	}
	return nil
}

// bundle puts what one unit brings into the batch, unless it is there.
func (w *writer) bundle(ctx context.Context, path string, b *bundle) error {
	var sums []string
	main := ""
	for i := range b.docs {
		sums = append(sums, b.docs[i].SHA256)
		if b.docs[i].Main() {
			main = b.docs[i].SHA256
		}
	}
	old, there := w.graphs[b.graph]
	switch at, same := w.hashes[main]; {
	case there && sameSet(old, sums):
		w.rep.Present++
		return nil
	case same && at != b.graph && !w.o.Replace:
		w.rep.Present++
		w.rep.problem(path, "its bytes are there already as %s", at)
		return nil
	case there && !w.o.Replace:
		w.rep.Failed++
		w.rep.problem(path, "%s is there already with other bytes (%s, now %s): forget it first, or replace it with --replace", b.graph, short(old), short(sums))
		return nil
	case there:
		if err := w.flush(ctx); err != nil {
			return err
		}
		if _, err := Forget(ctx, w.st, b.graph, false); err != nil {
			return err
		}
		w.rep.Replaced++
	}
	w.graphs[b.graph], w.hashes[main] = sums, b.graph
	w.rep.Problems = append(w.rep.Problems, b.problems...)
	w.batch = append(w.batch, b)
	return nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func short(sums []string) string {
	var list []string
	for _, s := range sums {
		list = append(list, s[:min(8, len(s))])
	}
	return strings.Join(list, ", ")
}

// flush commits the batch: bytes first, then the statements that name them.
func (w *writer) flush(ctx context.Context) error {
	if len(w.batch) == 0 {
		return nil
	}
	for _, b := range w.batch {
		for i := range b.docs {
			if err := w.blobs.PutBlob(ctx, doc.BytesName(b.docs[i].SHA256), b.files[i]); err != nil {
				return err
			}
			if b.encoded[i] != nil {
				if err := w.blobs.PutBlob(ctx, doc.TreeName(b.docs[i].SHA256), b.encoded[i]); err != nil {
					return err
				}
			}
		}
	}
	stats, err := w.load(ctx)
	if err != nil {
		return err
	}
	w.rep.Statements += stats.Added
	for _, b := range w.batch {
		w.rep.Documents++
		w.rep.Added = append(w.rep.Added, b.graph)
		w.rep.Facts += len(b.facts)
		for i := range b.facts {
			w.rep.Spans += 1 + len(b.facts[i].More)
		}
		w.rep.Spans += len(b.read)
		for _, d := range b.docs {
			w.rep.Bytes += d.Bytes
		}
	}
	w.batch, w.bytes = nil, 0
	return nil
}

func (w *writer) load(ctx context.Context) (kg.LoadStats, error) {
	all := func(yield func(kg.TermQuad) bool) {
		on := true
		each := func(q kg.TermQuad) bool {
			on = on && yield(q)
			return on
		}
		for _, b := range w.batch {
			b.quads(each)
			w.runQuads(b.graph, each)
		}
	}
	if l, ok := w.st.(batcher); ok {
		return l.LoadBatches(ctx, func(yield func([]kg.TermQuad, error) bool) {
			buf := make([]kg.TermQuad, 0, 4096)
			on := true
			all(func(q kg.TermQuad) bool {
				if buf = append(buf, q); len(buf) == cap(buf) {
					on = yield(buf, ctx.Err())
					buf = buf[:0]
				}
				return on && ctx.Err() == nil
			})
			if on && (len(buf) > 0 || ctx.Err() != nil) {
				yield(buf, ctx.Err())
			}
		})
	}
	return w.st.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
		all(func(q kg.TermQuad) bool { return yield(q, ctx.Err()) && ctx.Err() == nil })
	})
}
