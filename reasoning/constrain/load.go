package constrain

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/vocabulary"
	"github.com/quaestor-kg/quaestor/reasoning/fold"
	"github.com/quaestor-kg/quaestor/reasoning/internal/literal"
)

// maxNameBytes: longer texts are values, not names.
const maxNameBytes = 200

type labelRow struct {
	s, o kg.ID
	rank uint8
}

type edgeRow struct {
	s, o kg.ID
	p    uint32 // number of the predicate
}

type predInfo struct {
	id             kg.ID
	iri            string
	rank           int // of vocabulary.Names, -1: gives no names
	meta, typ      bool
	num            uint32
	numeric, dates int
	dateOf         [4]int // by literal.DateTypes
	rel            int
	count          int
}

type loader struct {
	ctx  context.Context
	snap kg.Snapshot
	opt  Options
	g    *Graph

	preds  []*predInfo
	edges  []edgeRow
	labels []labelRow
	types  [][2]kg.ID
	supers [][2]kg.ID // class, superclass
}

// Open builds the view of a snapshot. The snapshot must stay open as long as
// the graph is used.
func Open(ctx context.Context, snap kg.Snapshot, opt Options) (*Graph, error) {
	if opt.Lang == "" {
		opt.Lang = "en"
	}
	if opt.MaxQuads == 0 {
		opt.MaxQuads = 40e6
	}
	if n := snap.Size(); n > opt.MaxQuads {
		return nil, fmt.Errorf("constrain: the graph has %d statements, more than the limit of %d for questions; raise MaxQuads", n, opt.MaxQuads)
	}
	ld := &loader{ctx: ctx, snap: snap, opt: opt, g: &Graph{snap: snap, version: snap.Version()}}
	for _, f := range []func() error{ld.scan, ld.nodes, ld.relations, ld.adjacency, ld.types2classes, ld.charsets} {
		if err := f(); err != nil {
			return nil, fmt.Errorf("constrain: reading the graph: %w", err)
		}
	}
	return ld.g, nil
}

// scan reads every statement once, in the order of subjects.
func (ld *loader) scan() error {
	byID := map[kg.ID]*predInfo{}
	cur := ld.snap.Scan(ld.ctx, kg.Pattern{}, kg.SPO)
	defer cur.Close()
	var last kg.Quad
	batch := make([]kg.Quad, 1024)
	for {
		n := kg.NextBatch(cur, batch)
		if n == 0 {
			break
		}
		for _, q := range batch[:n] {
			if q.S == last.S && q.P == last.P && q.O == last.O {
				continue // the same statement in another graph
			}
			last = q
			pi := byID[q.P]
			if pi == nil {
				t, err := ld.snap.Term(q.P)
				if err != nil {
					return err
				}
				pi = ld.classify(q.P, t.Value)
				byID[q.P] = pi
				ld.preds = append(ld.preds, pi)
			}
			pi.count++
			if pi.rank >= 0 && q.O.IsLiteral() {
				ld.labels = append(ld.labels, labelRow{q.S, q.O, uint8(pi.rank)})
			}
			if pi.iri == kg.RDFS+"subClassOf" {
				ld.supers = append(ld.supers, [2]kg.ID{q.S, q.O})
			}
			if pi.typ {
				ld.types = append(ld.types, [2]kg.ID{q.S, q.O})
			}
			if !pi.meta {
				ld.edges = append(ld.edges, edgeRow{q.S, q.O, pi.num})
			}
		}
	}
	return cur.Err()
}

func (ld *loader) classify(id kg.ID, iri string) *predInfo {
	pi := &predInfo{id: id, iri: iri, rank: -1, num: uint32(len(ld.preds)), rel: -1}
	for i, s := range vocabulary.Names {
		if s.IRI == iri {
			pi.rank, pi.meta = i+len(ld.opt.LabelPredicates), s.Meta
		}
	}
	if i := slices.Index(ld.opt.LabelPredicates, iri); i >= 0 {
		pi.rank = i
	}
	if iri == kg.RDFType || slices.Contains(ld.opt.TypePredicates, iri) || ld.opt.TypePredicates == nil && vocabulary.IsTypeName(iri) {
		pi.typ = true
	}
	if vocabulary.Meta(iri) {
		pi.meta = true
	}
	if pi.rank >= 0 && pi.rank < len(ld.opt.LabelPredicates)+1 {
		ld.g.labelPreds = append(ld.g.labelPreds, id)
	}
	if pi.typ {
		ld.g.typePreds = append(ld.g.typePreds, id)
	}
	return pi
}

// showable reports whether names of this rank may be shown as labels.
func (ld *loader) showable(rank uint8) bool {
	i := int(rank) - len(ld.opt.LabelPredicates)
	return i < 0 || vocabulary.Names[i].Label
}

// nodes numbers the nodes and gives them labels, values and names.
func (ld *loader) nodes() error {
	g := ld.g
	notThings := map[kg.ID]bool{}
	for _, pi := range ld.preds {
		notThings[pi.id] = true
	}
	for _, t := range ld.types {
		notThings[t[1]] = true
	}
	ids := make([]kg.ID, 0, len(ld.edges)+len(ld.types)+len(ld.labels)/2)
	for _, e := range ld.edges {
		if n := len(ids); n == 0 || ids[n-1] != e.s {
			ids = append(ids, e.s)
		}
	}
	for _, e := range ld.edges {
		ids = append(ids, e.o)
	}
	for _, t := range ld.types {
		ids = append(ids, t[0])
	}
	for _, l := range ld.labels {
		if !notThings[l.s] {
			ids = append(ids, l.s)
		}
	}
	slices.Sort(ids)
	ids = slices.Clip(slices.Compact(ids))
	if len(ids) > math.MaxUint32-1 {
		return fmt.Errorf("%d nodes are too many for one view", len(ids))
	}
	g.ids = ids
	n := len(ids)
	g.labels = make([]string, n)
	g.values = make([]float64, n)
	g.vtype = make([]uint8, n)

	// Labels: the best rank, then the preferred language, then none, then any.
	texts, err := terms(ld.snap, ld.labels, func(l labelRow) kg.ID { return l.o })
	if err != nil {
		return err
	}
	best := make([]uint16, n)
	var names []nameEntry
	name := func(s string, node Node) {
		if len(s) == 0 || len(s) > maxNameBytes {
			return
		}
		if f := Fold(s); f != "" {
			names = append(names, nameEntry{f, node})
		}
		for _, cut := range fold.Shorter(s) {
			if f := Fold(cut); f != "" {
				names = append(names, nameEntry{f, node})
			}
		}
	}
	for i, l := range ld.labels {
		node, ok := g.Number(l.s)
		if !ok {
			continue
		}
		t := texts[i]
		q := uint16(3)
		switch {
		case vocabulary.Speaks(t.Lang, ld.opt.Lang):
			q = 1
		case t.Lang == "":
			q = 2
		}
		// Smaller is better; 0 is "none yet".
		if r := uint16(l.rank)*4 + q; ld.showable(l.rank) && strings.TrimSpace(t.Value) != "" && (best[node] == 0 || r < best[node]) {
			best[node], g.labels[node] = r, t.Value
		}
		name(t.Value, node)
	}
	// What has no label shows its text or local name.
	var rest []Node
	for i := range ids {
		g.values[i] = math.NaN()
		if best[i] == 0 {
			rest = append(rest, Node(i))
		}
	}
	found, err := terms(ld.snap, rest, func(i Node) kg.ID { return ids[i] })
	if err != nil {
		return err
	}
	for i, node := range rest {
		t := found[i]
		switch t.Kind {
		case kg.Literal:
			g.labels[node] = t.Value
			g.values[node], g.vtype[node] = literal.Value(t)
			name(t.Value, node)
		case kg.IRI:
			g.labels[node] = LocalName(t.Value)
			if g.labels[node] == "" {
				g.labels[node] = t.Value
			}
			name(g.labels[node], node)
		case kg.Blank:
			g.labels[node] = "_:" + t.Value
		case kg.Triple:
			g.labels[node] = "a statement"
		}
	}
	// A label that folds to nothing ("?") keeps its raw form, so that every
	// thing can be named. Blank nodes and statements cannot: SPARQL has no
	// constant for them.
	for i := range ids {
		if k := ids[i].Tag(); k == kg.TagBlank || k == kg.TagTriple {
			continue
		}
		if l := g.labels[i]; len(l) <= maxNameBytes && Fold(l) == "" {
			if raw := fold.Raw(l); raw != "" {
				names = append(names, nameEntry{raw, Node(i)})
			}
		}
	}
	names = slices.DeleteFunc(names, func(e nameEntry) bool {
		k := ids[e.node].Tag()
		return k == kg.TagBlank || k == kg.TagTriple
	})
	g.names.entries = names
	return nil
}

// terms resolves one term for each row.
func terms[T any](snap kg.Snapshot, rows []T, id func(T) kg.ID) ([]kg.Term, error) {
	out := make([]kg.Term, len(rows))
	if b, ok := snap.(kg.TermBatcher); ok {
		ids := make([]kg.ID, len(rows))
		for i, r := range rows {
			ids[i] = id(r)
		}
		return out, b.Terms(ids, out)
	}
	for i, r := range rows {
		t, err := snap.Term(id(r))
		if err != nil {
			return nil, err
		}
		out[i] = t
	}
	return out, nil
}

// relations merges predicates of one name and finds what their values are.
func (ld *loader) relations() error {
	g := ld.g
	labelOf := map[kg.ID]labelRow{}
	isPred := map[kg.ID]bool{}
	for _, pi := range ld.preds {
		isPred[pi.id] = true
	}
	for _, l := range ld.labels {
		if !isPred[l.s] {
			continue
		}
		if old, ok := labelOf[l.s]; !ok || l.rank < old.rank {
			labelOf[l.s] = l
		} else if l.rank == old.rank {
			if t, err := ld.snap.Term(l.o); err == nil && vocabulary.Speaks(t.Lang, ld.opt.Lang) {
				labelOf[l.s] = l
			}
		}
	}
	for _, e := range ld.edges {
		pi := ld.preds[e.p]
		if !e.o.IsLiteral() {
			continue
		}
		node, _ := g.Number(e.o)
		if !math.IsNaN(g.values[node]) {
			if vt := g.vtype[node]; vt == 0 {
				pi.numeric++
			} else {
				pi.dates++
				pi.dateOf[vt-1]++
			}
		}
	}
	g.relIdx = map[string]int{}
	type tally struct {
		numeric, dates, count int
		dateOf                [4]int
	}
	var tallies []tally
	for _, pi := range ld.preds {
		if pi.meta {
			continue
		}
		label := LocalName(pi.iri)
		if l, ok := labelOf[pi.id]; ok {
			t, err := ld.snap.Term(l.o)
			if err != nil {
				return err
			}
			if SchemaName(t.Value) != "" {
				label = t.Value
			}
		}
		name := SchemaName(label)
		if name == "" {
			name = SchemaName(pi.iri)
		}
		r, ok := g.relIdx[name]
		if !ok {
			r = len(g.rels)
			g.relIdx[name] = r
			g.rels = append(g.rels, Relation{Name: name, Label: PlainName(name)})
			tallies = append(tallies, tally{})
		}
		g.rels[r].Preds = append(g.rels[r].Preds, pi.id)
		pi.rel = r
		t := &tallies[r]
		t.numeric += pi.numeric
		t.dates += pi.dates
		t.count += pi.count
		for i, n := range pi.dateOf {
			t.dateOf[i] += n
		}
	}
	for r, t := range tallies {
		switch {
		case t.numeric*5 >= t.count*4:
			g.rels[r].Kind = NumberValue
		case t.dates*5 >= t.count*4:
			g.rels[r].Kind = DateValue
			most := 0
			for i, n := range t.dateOf {
				if n > t.dateOf[most] {
					most = i
				}
			}
			g.rels[r].Datatype = literal.DateTypes[most]
		}
	}
	return nil
}

// adjacency fills the edges of every node, in both directions.
func (ld *loader) adjacency() error {
	g := ld.g
	n := len(g.ids)
	g.off = make([]uint32, n+1)
	if 2*len(ld.edges) > math.MaxUint32 {
		return fmt.Errorf("%d edges are too many for one view", len(ld.edges))
	}
	objects := make([]Node, len(ld.edges))
	var s Node
	subj := func(id kg.ID) Node { // edges are in order of subjects
		for g.ids[s] != id {
			s++
		}
		return s
	}
	for i, e := range ld.edges {
		o, _ := g.Number(e.o)
		objects[i] = o
		g.off[subj(e.s)+1]++
		g.off[o+1]++
	}
	for i := range n {
		g.off[i+1] += g.off[i]
	}
	g.adj = make([]uint64, 2*len(ld.edges))
	next := slices.Clone(g.off[:n])
	s = 0
	for i, e := range ld.edges {
		rd := uint64(ld.preds[e.p].rel) * 2
		from, to := subj(e.s), objects[i]
		g.adj[next[from]] = rd<<32 | uint64(to)
		next[from]++
		g.adj[next[to]] = (rd+1)<<32 | uint64(from)
		next[to]++
	}
	// Sort each row; predicates of one name may say the same twice.
	w, start := uint32(0), uint32(0)
	for i := range n {
		row := g.adj[start:g.off[i+1]]
		start = g.off[i+1]
		slices.Sort(row)
		row = slices.Compact(row)
		w += uint32(copy(g.adj[w:], row))
		g.off[i+1] = w
	}
	g.adj = g.adj[:w]
	for _, e := range g.adj {
		if rd := RD(e >> 32); rd&1 == 0 {
			g.rels[rd/2].Edges++
		}
	}
	ld.edges = nil
	return nil
}

func (ld *loader) types2classes() error {
	g := ld.g
	g.classIdx = map[string]int{}
	var below map[kg.ID][]kg.ID
	ld.types, below = vocabulary.SuperTypes(ld.types, ld.supers)
	byID := map[kg.ID]int{}
	labelOf := map[kg.ID]labelRow{}
	for _, t := range ld.types {
		byID[t[1]] = -1
	}
	for _, l := range ld.labels {
		if _, ok := byID[l.s]; ok && ld.showable(l.rank) {
			old, seen := labelOf[l.s]
			t, err := ld.snap.Term(l.o)
			if err != nil {
				return err
			}
			if !seen || l.rank < old.rank || l.rank == old.rank && vocabulary.Speaks(t.Lang, ld.opt.Lang) {
				labelOf[l.s] = l
			}
		}
	}
	var pairs []uint64 // node<<32 | class
	for _, t := range ld.types {
		c := byID[t[1]]
		if c == -1 {
			term, err := ld.snap.Term(t[1])
			if err != nil {
				return err
			}
			label := term.Value
			if l, ok := labelOf[t[1]]; ok {
				lt, err := ld.snap.Term(l.o)
				if err != nil {
					return err
				}
				label = lt.Value
			} else if term.Kind == kg.IRI {
				label = LocalName(term.Value)
			}
			name := SchemaName(label)
			if term.Kind == kg.Blank || name == "" || vocabulary.MetaClass(term.Value) {
				byID[t[1]] = -2
				continue
			}
			known, ok := g.classIdx[name]
			if !ok {
				known = len(g.classes)
				g.classIdx[name] = known
				g.classes = append(g.classes, Class{Name: name, Label: PlainName(name)})
			}
			c = known
			byID[t[1]] = c
			g.classes[c].IDs = append(append(g.classes[c].IDs, t[1]), below[t[1]]...)
		}
		if c < 0 {
			continue
		}
		node, _ := g.Number(t[0])
		pairs = append(pairs, uint64(node)<<32|uint64(c))
	}
	slices.Sort(pairs)
	pairs = slices.Compact(pairs)
	n := len(g.ids)
	g.clsOff = make([]uint32, n+1)
	g.cls = make([]uint32, len(pairs))
	for i, p := range pairs {
		node, c := Node(p>>32), uint32(p)
		g.clsOff[node+1]++
		g.cls[i] = c
		g.classes[c].Instances = append(g.classes[c].Instances, node)
	}
	for i := range n {
		g.clsOff[i+1] += g.clsOff[i]
	}
	ld.types, ld.labels = nil, nil
	return nil
}

func (ld *loader) charsets() error {
	g := ld.g
	g.charset = make([]uint32, len(g.ids))
	index := map[string]uint32{}
	var key []byte
	var set []RD
	for i := range g.ids {
		set, key = set[:0], key[:0]
		last := RD(math.MaxUint32)
		for _, e := range g.adj[g.off[i]:g.off[i+1]] {
			if rd := RD(e >> 32); rd != last {
				last = rd
				set = append(set, rd)
				key = append(key, byte(rd), byte(rd>>8), byte(rd>>16), byte(rd>>24))
			}
		}
		c, ok := index[string(key)]
		if !ok {
			c = uint32(len(g.charsets))
			index[string(key)] = c
			g.charsets = append(g.charsets, slices.Clone(set))
		}
		g.charset[i] = c
	}
	g.names.finish(g)
	return nil
}
