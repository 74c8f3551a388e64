package reasoning

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/constrain/automaton"
	"github.com/quaestor-kg/quaestor/reasoning/decode"
	"github.com/quaestor-kg/quaestor/reasoning/decoder"
	"github.com/quaestor-kg/quaestor/reasoning/draft"
)

func sharedView(t testing.TB, name string) *View {
	t.Helper()
	r, f, err := rdf.Open(filepath.Join(shared.Dir(t), "data", "kgqa", name, "kg.nt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	st := mem.New()
	if _, err := st.Load(context.Background(), rdf.Read(context.Background(), r, rdf.ReadOptions{Format: f})); err != nil {
		t.Fatal(err)
	}
	s, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	v, err := NewView(context.Background(), s, constrain.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func embedded(t testing.TB) *Model {
	t.Helper()
	b, err := decoder.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := decode.FromBytes(decoder.Name, b, decode.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return NewModel(decoder.Name, m)
}

var beamQuestions = map[string][]string{
	"metaqa":       {"who directed the films written by Nora Ephron", "the films that share directors with the film Catch Me If You Can were in which languages", "is Tom Hanks one of the actors of Sleepless in Seattle", "how many films did Tim Burton direct", "which films starred Tom Hanks and Meg Ryan"},
	"geoquery":     {"what is the biggest city in kansas", "which states border texas", "what states have no rivers", "how many rivers are in ohio", "cities in texas with population over 500000", "what is the average population of the states", "is austin the capital of texas"},
	"worldcup2014": {"name a player who plays at Forward position at the club Tigres_UANL ?", "which players from Mexico do not play at Forward"},
}

// TestAutomatonAcceptsDrafts: what the generator enumerates, the constraint lets
// the decoder write, token by token.
func TestAutomatonAcceptsDrafts(t *testing.T) {
	m := embedded(t)
	tok := m.Unwrap().Tokenizer
	for name, questions := range beamQuestions {
		v := sharedView(t, name)
		n := 0
		for _, text := range questions {
			q, err := v.Link.Link(text)
			if err != nil {
				t.Fatal(err)
			}
			ds, err := v.Drafts.Drafts(context.Background(), q, draft.Options{Keep: 400})
			if err != nil {
				t.Fatal(err)
			}
			opt := automaton.Options{Refs: q.Refs}
			for _, x := range q.Numbers {
				opt.Numbers = append(opt.Numbers, x.Text)
			}
			a := automaton.New(v.index(), m.vocab(), opt)
			mask := make([]uint64, (m.vocab().Size()+63)/64)
			for _, d := range ds {
				if d.Pipeline.End.Kind == constrain.List && len(d.Set) == 0 {
					continue // a filter that leaves nothing is an answer, but not one to write
				}
				n++
				s := a.Start()
				for i, id := range append(tok.Encode(" "+d.Text), tok.Eos) {
					if i < 4 { // masks of late states are compared elsewhere
						a.Allow(s, mask)
						if mask[id/64]>>(id%64)&1 == 0 {
							t.Fatalf("%q: %q: token %d (%q) is masked after %q", text, d.Text, i, tok.Bytes(id), s.Text())
						}
					}
					next := a.Step(s, id)
					if next.Dead() {
						t.Errorf("%q: %q: token %d (%q) is refused after %q", text, d.Text, i, tok.Bytes(id), s.Text())
						break
					}
					s = next
				}
			}
		}
		t.Logf("%s: %d drafts accepted", name, n)
	}
}

// TestBeamAgreesWithTree: beam search under the constraint and the tree pass
// give the same texts the same probability.
func TestBeamAgreesWithTree(t *testing.T) {
	m := embedded(t)
	ctx := context.Background()
	for name, questions := range beamQuestions {
		v := sharedView(t, name)
		for _, text := range questions {
			q, err := v.Link.Link(text)
			if err != nil {
				t.Fatal(err)
			}
			written, err := m.Write(ctx, v.index(), q, Full, 6)
			if err != nil {
				t.Fatal(err)
			}
			if len(written) == 0 {
				t.Fatalf("%q: nothing was written", text)
			}
			var conts [][]int32
			for _, w := range written {
				conts = append(conts, w.Tokens)
			}
			nodes, ends := decode.Trie(conts)
			scores, err := m.Unwrap().Tree(ctx, m.Unwrap().Tokenizer.Encode(q.Prompt), nodes, true)
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range written {
				if got := scores.SumP[ends[i]]; math.Abs(got-w.LogP) > 1e-2 {
					t.Errorf("%q: %q has log p %g in the beam and %g in the tree", text, w.Text, w.LogP, got)
				}
				if w.Text == "none" {
					continue
				}
				p, err := constrain.Parse(w.Text)
				if err == nil {
					p, err = p.Bind(q.Refs)
				}
				if err != nil {
					t.Errorf("%q: %v", text, err)
					continue
				}
				res, err := v.Graph.Eval(ctx, p)
				if err != nil || res.Empty() {
					t.Errorf("%q: %q: %v, empty %v", text, w.Text, err, res.Empty())
				}
			}
			t.Logf("%q -> %q %.2f", text, written[0].Text, written[0].LogP)
		}
	}
}
