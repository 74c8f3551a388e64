// Package kgtest is the conformance suite of kg.Store: a list of promises, and
// random histories in which a store must agree with kg/mem, the slow twin,
// after every step.
package kgtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/mem"
)

// Opener opens a store. Called again with the same folder after Close, it opens
// the same store; a store without a folder starts anew, and says so.
type Opener struct {
	Open func(tb testing.TB, dir string) kg.Store
	// Persistent: a store that is reopened holds what it held.
	Persistent bool
}

// Run runs the whole suite.
func Run(t *testing.T, o Opener) {
	t.Run("Promises", func(t *testing.T) { promises(t, o) })
	t.Run("Blobs", func(t *testing.T) { Blobs(t, o) })
	for seed := range uint64(5) {
		t.Run(fmt.Sprintf("History%d", seed), func(t *testing.T) { History(t, o, seed, 30) })
	}
}

func quads(list ...kg.TermQuad) iter.Seq2[kg.TermQuad, error] {
	return func(yield func(kg.TermQuad, error) bool) {
		for _, q := range list {
			if !yield(q, nil) {
				return
			}
		}
	}
}

func iri(s string) kg.Term { return kg.NewIRI("http://x/" + s) }

func promises(t *testing.T, o Opener) {
	ctx := t.Context()
	st := o.Open(t, t.TempDir())
	defer st.Close()
	q := kg.TermQuad{S: iri("s"), P: iri("p"), O: kg.NewString("a long enough string")}
	stats, err := st.Load(ctx, quads(q, q))
	if err != nil || stats != (kg.LoadStats{Read: 2, Added: 1, Duplicates: 1}) {
		t.Fatalf("load: %+v, %v", stats, err)
	}
	old := snapshot(t, st)
	defer old.Close()
	if old.Size() != 1 || old.Version() != 1 {
		t.Errorf("size %d, version %d after one load", old.Size(), old.Version())
	}
	broken := errors.New("broken")
	for name, f := range map[string]func() error{
		"failed update": func() error {
			return st.Update(ctx, func(tx kg.Tx) error {
				id, err := tx.Intern(iri("new"))
				if err != nil {
					return err
				}
				if _, err := tx.Insert(kg.Quad{S: id, P: id, O: id, G: kg.DefaultGraph}); err != nil {
					return err
				}
				return broken
			})
		},
		"failed load": func() error {
			_, err := st.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
				_ = yield(kg.TermQuad{S: iri("new"), P: iri("p"), O: iri("o")}, nil) && yield(kg.TermQuad{}, broken)
			})
			return err
		},
	} {
		if err := f(); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		s := snapshot(t, st)
		if s.Size() != 1 || s.Version() != 1 {
			t.Errorf("%s left size %d, version %d", name, s.Size(), s.Version())
		}
		if _, ok, err := s.Lookup(iri("new")); ok || err != nil {
			t.Errorf("%s left a term: %v", name, err)
		}
		s.Close()
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := st.Update(cancelled, func(kg.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("update with a cancelled context: %v", err)
	}
	c := old.Scan(cancelled, kg.Pattern{}, kg.SPO)
	if c.Next() || !errors.Is(c.Err(), context.Canceled) {
		t.Errorf("scan with a cancelled context: %v", c.Err())
	}
	c.Close()
	if _, err := old.Term(kg.MakeID(kg.TagIRI, 1<<40)); !errors.Is(err, kg.ErrUnknownID) {
		t.Errorf("unknown id: %v", err)
	}
	for _, id := range []kg.ID{kg.Any, kg.DefaultGraph} {
		if term, err := old.Term(id); err != nil || term != (kg.Term{}) {
			t.Errorf("term of reserved id %d: %v, %v", id, term, err)
		}
	}
	// A later commit does not show in an older snapshot.
	err = st.Update(ctx, func(tx kg.Tx) error {
		s, _, err := tx.Lookup(iri("s"))
		if err != nil {
			return err
		}
		n, err := tx.Intern(iri("later"))
		if err != nil {
			return err
		}
		if ok, err := tx.Insert(kg.Quad{S: s, P: n, O: s, G: n}); !ok || err != nil {
			return fmt.Errorf("insert: %v, %v", ok, err)
		}
		if tx.Size() != 2 {
			return fmt.Errorf("the transaction does not see its own write: size %d", tx.Size())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := old.Lookup(iri("later")); ok || old.Size() != 1 {
		t.Error("an older snapshot sees a later commit")
	}
	if err := st.Update(ctx, func(tx kg.Tx) error {
		_, err := tx.Insert(kg.Quad{S: kg.Any, P: kg.Any, O: kg.Any, G: kg.DefaultGraph})
		return err
	}); err == nil {
		t.Error("a quad with open positions was written")
	}
}

func snapshot(tb testing.TB, st kg.Store) kg.Snapshot {
	tb.Helper()
	s, err := st.Snapshot()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// compacter is a store that can merge its recent changes.
type compacter interface {
	Compact(context.Context) error
}

// History runs random operations on the store and on kg/mem and compares them.
func History(t *testing.T, o Opener, seed uint64, steps int) {
	r := rand.New(rand.NewPCG(seed, 7))
	dir := t.TempDir()
	st := o.Open(t, dir)
	twin := mem.New()
	defer func() { st.Close() }()
	var log []string
	defer func() {
		if t.Failed() {
			t.Logf("history:\n%s", strings.Join(log, "\n"))
		}
	}()
	type pair struct{ a, b kg.Snapshot }
	var held []pair
	bigLoads := 0
	for range steps {
		switch op := r.IntN(12); {
		case op < 3:
			n := 1 + r.IntN(40)
			if bigLoads < 2 && r.IntN(4) == 0 {
				n = 5_000 // past what a store may treat as small
				bigLoads++
			}
			list := make([]kg.TermQuad, n)
			for i := range list {
				list[i] = randomQuad(r, n)
			}
			log = append(log, fmt.Sprintf("load %d", n))
			a, err := st.Load(t.Context(), quads(list...))
			if err != nil {
				t.Fatal(err)
			}
			b, err := twin.Load(t.Context(), quads(list...))
			if err != nil {
				t.Fatal(err)
			}
			if a != b {
				t.Fatalf("load: %+v, twin %+v", a, b)
			}
		case op < 8:
			edits := make([]edit, 1+r.IntN(20))
			for i := range edits {
				edits[i] = edit{randomQuad(r, 40), r.IntN(3) == 0}
			}
			log = append(log, fmt.Sprintf("update %d", len(edits)))
			abort := r.IntN(6) == 0
			x, y := apply(t, st, edits, abort), apply(t, twin, edits, abort)
			if x != y {
				t.Fatalf("update: %s, twin %s", x, y)
			}
		case op == 8 && o.Persistent:
			log = append(log, "reopen")
			for _, p := range held {
				p.a.Close()
				p.b.Close()
			}
			held = nil
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			st = o.Open(t, dir)
		case op == 9:
			if c, ok := st.(compacter); ok {
				log = append(log, "compact")
				if err := c.Compact(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		case op == 10:
			log = append(log, "hold a snapshot")
			held = append(held, pair{snapshot(t, st), snapshot(t, twin)})
		default:
			if len(held) > 0 {
				log = append(log, "compare a held snapshot")
				p := held[r.IntN(len(held))]
				Same(t, r, p.a, p.b)
			}
		}
		a, b := snapshot(t, st), snapshot(t, twin)
		Same(t, r, a, b)
		a.Close()
		b.Close()
		if t.Failed() {
			break
		}
	}
	for _, p := range held {
		Same(t, r, p.a, p.b)
		p.a.Close()
		p.b.Close()
	}
}

type edit struct {
	q      kg.TermQuad
	remove bool
}

var errAbort = errors.New("abort")

// apply runs edits in one transaction and tells what each did.
func apply(t *testing.T, st kg.Store, edits []edit, abort bool) string {
	var did strings.Builder
	err := st.Update(t.Context(), func(tx kg.Tx) error {
		for _, e := range edits {
			var ids [4]kg.ID
			for i, term := range [4]kg.Term{e.q.S, e.q.P, e.q.O, e.q.G} {
				if term.Kind == kg.None {
					ids[i] = kg.DefaultGraph
					continue
				}
				id, err := tx.Intern(term)
				if err != nil {
					return err
				}
				if back, err := tx.Term(id); err != nil || !back.Equal(term) {
					return fmt.Errorf("%v interned is %v, %v", term, back, err)
				}
				ids[i] = id
			}
			q := kg.Quad{S: ids[0], P: ids[1], O: ids[2], G: ids[3]}
			f := tx.Insert
			if e.remove {
				f = tx.Delete
			}
			ok, err := f(q)
			if err != nil {
				return err
			}
			fmt.Fprintf(&did, "%t %d;", ok, tx.Size())
			if n := tx.Estimate(kg.Pattern(q)); n != map[bool]float64{true: 0, false: 1}[e.remove] {
				return fmt.Errorf("estimate %v of a quad after remove=%t", n, e.remove)
			}
		}
		if abort {
			return errAbort
		}
		return nil
	})
	if err != nil && !errors.Is(err, errAbort) {
		t.Fatal(err)
	}
	return did.String()
}

func randomTerm(r *rand.Rand, n int) kg.Term {
	switch r.IntN(9) {
	case 0:
		return kg.NewBlank(fmt.Sprintf("b%d", r.IntN(n)))
	case 1:
		return kg.NewString(fmt.Sprint(r.IntN(n)))
	case 2:
		return kg.NewTyped(fmt.Sprint(r.IntN(n)-n/2), kg.XSD+"integer")
	case 3:
		return kg.NewLang(fmt.Sprintf("wort %d", r.IntN(n)), []string{"de", "en-gb"}[r.IntN(2)])
	case 4:
		return kg.NewTyped(fmt.Sprintf("0%d", r.IntN(n)), kg.XSD+[]string{"integer", "decimal", "date"}[r.IntN(3)])
	case 5:
		return kg.NewTriple(iri(fmt.Sprint("s", r.IntN(n))), iri("p0"), kg.NewString(fmt.Sprint("some text ", r.IntN(3))))
	}
	return iri(fmt.Sprint("e", r.IntN(n)))
}

func randomQuad(r *rand.Rand, n int) kg.TermQuad {
	q := kg.TermQuad{S: iri(fmt.Sprint("e", r.IntN(n))), P: iri(fmt.Sprint("p", r.IntN(5))), O: randomTerm(r, n)}
	if r.IntN(8) == 0 {
		q.S = kg.NewBlank(fmt.Sprintf("b%d", r.IntN(n)))
	}
	if r.IntN(3) == 0 {
		q.G = iri(fmt.Sprint("g", r.IntN(3)))
	}
	return q
}

// Same compares two snapshots: contents, and random scans, seeks, counts and
// look-ups.
func Same(t *testing.T, r *rand.Rand, a, b kg.Snapshot) {
	t.Helper()
	if a.Size() != b.Size() || a.Version() != b.Version() {
		t.Fatalf("size %d and version %d, twin %d and %d", a.Size(), a.Version(), b.Size(), b.Version())
	}
	mine := scan(t, a, kg.Pattern{}, kg.SPO)
	theirs := scan(t, b, kg.Pattern{}, kg.SPO)
	if len(mine) != len(theirs) || int64(len(mine)) != a.Size() {
		t.Fatalf("%d quads of %d, twin %d", len(mine), a.Size(), len(theirs))
	}
	// Ids differ between stores: translate.
	tr := translator{t: t, from: a, to: b, ids: map[kg.ID]kg.ID{}}
	same := make([]kg.Quad, len(mine))
	for i, q := range mine {
		same[i] = kg.Quad{S: tr.id(q.S), P: tr.id(q.P), O: tr.id(q.O), G: tr.id(q.G)}
	}
	slices.SortFunc(same, kg.SPO.Compare)
	if !slices.Equal(same, theirs) {
		t.Fatal("contents differ")
	}
	for range 12 {
		o := kg.Order(r.IntN(kg.Orders))
		var p kg.Pattern
		if len(mine) > 0 {
			q := mine[r.IntN(len(mine))]
			if r.IntN(4) == 0 {
				q.O = mine[r.IntN(len(mine))].O // perhaps no such quad
			}
			for i, id := range [4]kg.ID{q.S, q.P, q.O, q.G} {
				if r.IntN(2) == 0 {
					*[4]*kg.ID{&p.S, &p.P, &p.O, &p.G}[i] = id
				}
			}
		}
		var want []kg.Quad
		for _, q := range mine {
			if p.Matches(q) {
				want = append(want, q)
			}
		}
		slices.SortFunc(want, o.Compare)
		if got := scan(t, a, p, o); !slices.Equal(got, want) {
			t.Fatalf("scan of %v in %s: %d quads, want %d", p, o, len(got), len(want))
		}
		est := a.Estimate(p)
		if exact := p.G == kg.Any || p.S != 0 && p.P != 0 && p.O != 0; exact && est != float64(len(want)) || est < float64(len(want)) {
			t.Fatalf("estimate of %v: %v, there are %d", p, est, len(want))
		}
		seeks(t, r, a, p, o, want)
	}
	lookups(t, r, a, mine)
	statistics(t, a, mine)
	distinct(t, r, a, mine)
}

// translator finds the id of a term in another snapshot.
type translator struct {
	t        *testing.T
	from, to kg.Snapshot
	ids      map[kg.ID]kg.ID
}

func (tr *translator) id(id kg.ID) kg.ID {
	if id == kg.DefaultGraph {
		return id
	}
	if x, ok := tr.ids[id]; ok {
		return x
	}
	term, err := tr.from.Term(id)
	if err != nil {
		tr.t.Fatal(err)
	}
	if back, ok, err := tr.from.Lookup(term); back != id || !ok || err != nil {
		tr.t.Fatalf("%v of id %#x is found as %#x, %t, %v", term, uint64(id), uint64(back), ok, err)
	}
	x, ok, err := tr.to.Lookup(term)
	if err != nil || !ok {
		tr.t.Fatalf("the twin lacks %v: %v", term, err)
	}
	tr.ids[id] = x
	return x
}

// scan reads all of a scan in batches and checks order and match.
func scan(t *testing.T, s kg.Snapshot, p kg.Pattern, o kg.Order) []kg.Quad {
	t.Helper()
	c := s.Scan(t.Context(), p, o)
	defer c.Close()
	var out []kg.Quad
	buf := make([]kg.Quad, 300)
	for n := kg.NextBatch(c, buf); n > 0; n = kg.NextBatch(c, buf) {
		for _, q := range buf[:n] {
			if len(out) > 0 && o.Compare(out[len(out)-1], q) >= 0 {
				t.Fatalf("scan in %s: %v after %v", o, q, out[len(out)-1])
			}
			if !p.Matches(q) {
				t.Fatalf("scan of %v gives %v", p, q)
			}
			out = append(out, q)
		}
	}
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// lookups resolves ids one by one and in batches.
func lookups(t *testing.T, r *rand.Rand, s kg.Snapshot, quads []kg.Quad) {
	t.Helper()
	if len(quads) == 0 {
		return
	}
	ids := make([]kg.ID, 1+r.IntN(60))
	for i := range ids {
		q := quads[r.IntN(len(quads))]
		ids[i] = [4]kg.ID{q.S, q.P, q.O, q.G}[r.IntN(4)]
	}
	terms := make([]kg.Term, len(ids))
	if err := kg.Terms(s, ids, terms); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if one, err := s.Term(id); err != nil || !one.Equal(terms[i]) {
			t.Fatalf("id %#x is %v alone and %v in a batch, %v", uint64(id), one, terms[i], err)
		}
	}
	for _, absent := range []kg.Term{iri("never seen"), kg.NewString("a string that was never seen"), kg.NewBlank("never"), kg.NewLang("never seen", "fr"), kg.NewTyped("never", "http://x/type"), kg.NewTriple(iri("never"), iri("never"), iri("never")), {}} {
		if id, ok, err := s.Lookup(absent); ok || err != nil {
			t.Fatalf("lookup of %v: %#x, %v", absent, uint64(id), err)
		}
	}
	if id, ok, err := s.Lookup(kg.NewTyped("123456789", kg.XSD+"integer")); !ok || err != nil {
		t.Fatalf("an inlined value has no id: %#x, %v", uint64(id), err)
	}
}

// statistics checks counts, and distinct numbers for what they may be.
func statistics(t *testing.T, s kg.Snapshot, quads []kg.Quad) {
	t.Helper()
	sp, ok := s.(kg.StatsProvider)
	if !ok {
		return
	}
	count := map[kg.ID]int64{}
	for _, q := range quads {
		count[q.P]++
	}
	for p, n := range count {
		st, ok := sp.PredicateStats(p)
		if !ok || st.Count != n || st.Subjects < 1 || st.Subjects > n || st.Objects < 1 || st.Objects > n {
			t.Fatalf("statistics of %#x: %+v, %t; there are %d quads", uint64(p), st, ok, n)
		}
	}
	if _, ok := sp.PredicateStats(kg.MakeID(kg.TagIRI, 1<<50)); ok {
		t.Fatal("statistics of a predicate without quads")
	}
}

// seeks walks a scan by random seeks and steps beside a plain list.
func seeks(t *testing.T, r *rand.Rand, s kg.Snapshot, p kg.Pattern, o kg.Order, list []kg.Quad) {
	t.Helper()
	c := s.Scan(t.Context(), p, o)
	defer c.Close()
	at := -1
	for range 12 {
		if r.IntN(3) == 0 || len(list) == 0 {
			at++
			if got := c.Next(); got != (at < len(list)) {
				t.Fatalf("Next is %t at %d of %d", got, at, len(list))
			}
		} else {
			target := list[r.IntN(len(list))]
			if at >= 0 && r.IntN(2) == 0 {
				target = list[min(at+r.IntN(5), len(list)-1)]
			}
			if r.IntN(2) == 0 {
				k := o.Key(target)
				k[r.IntN(4)] += kg.ID(r.IntN(3)) - 1
				target = o.Quad(k)
			}
			want := max(at, 0)
			for want < len(list) && o.Compare(list[want], target) < 0 {
				want++
			}
			if got := c.Seek(target); got != (want < len(list)) {
				t.Fatalf("Seek(%v) in %s is %t at %d, want position %d of %d", target, o, got, at, want, len(list))
			}
			at = want
		}
		if at >= len(list) {
			return
		}
		if c.Quad() != list[at] {
			t.Fatalf("at %v, want %v", c.Quad(), list[at])
		}
	}
}

func distinct(t *testing.T, r *rand.Rand, s kg.Snapshot, quads []kg.Quad) {
	t.Helper()
	d, ok := s.(kg.DistinctScanner)
	if !ok {
		return
	}
	o := kg.Order(r.IntN(kg.Orders))
	want := map[kg.ID]int64{}
	for _, q := range quads {
		want[o.Key(q)[0]]++
	}
	var last kg.ID
	n := 0
	for id, count := range d.Distinct(t.Context(), o) {
		if n > 0 && id <= last || want[id] != count {
			t.Fatalf("distinct in %s: %#x has %d, want %d", o, uint64(id), count, want[id])
		}
		last = id
		n++
	}
	if n != len(want) {
		t.Fatalf("distinct in %s: %d values, want %d", o, n, len(want))
	}
}
