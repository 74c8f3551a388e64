package decode

import (
	"context"
	"errors"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning/internal/race"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// Branches that read different numbers of tokens together read as they do alone.
func TestAdvanceAgreesWithPrefill(t *testing.T) {
	m := random(t, tensor.Q8_0, Options{NoTokens: true, SingleKV: true, Threads: 2})
	defer m.Close()
	ids := someIDs(3, 700, m.Config.Vocab)
	want, err := m.Logits(context.Background(), ids)
	if err != nil {
		t.Fatal(err)
	}
	v := m.Config.Vocab
	feeds := make([]Feed, 4)
	for i := range feeds {
		feeds[i] = Feed{Branch: m.Start(), All: i == 2}
		defer feeds[i].Branch.Release()
	}
	for _, counts := range [][]int{{1, 30, 3, 300}, {1, 1, 5, 0}, {2, 1, 1, 1}, {40, 0, 2, 7}} {
		for i := range feeds {
			at := feeds[i].Branch.Len()
			feeds[i].Tokens = ids[at : at+counts[i]]
		}
		if err := m.Advance(feeds); err != nil {
			t.Fatal(err)
		}
		for i, f := range feeds {
			n := f.Branch.Len()
			if n == 0 {
				continue
			}
			if e, top := worst(f.Branch.Logits(), want[(n-1)*v:n*v]); e > 2e-5*top {
				t.Errorf("feed %d after %d tokens: off by %g of %g", i, n, e, top)
			}
			if f.All {
				if e, top := worst(f.Logits, want[(n-len(f.Tokens))*v:n*v]); e > 2e-5*top {
					t.Errorf("all predictions of feed %d: off by %g of %g", i, e, top)
				}
			}
		}
	}
	var long *ContextError
	if err := m.Advance([]Feed{{Branch: feeds[3].Branch, Tokens: ids}}); !errors.As(err, &long) || long.Context != 700 {
		t.Errorf("too long a text: %v", err)
	}
	if m.Advance([]Feed{feeds[0], feeds[0]}) == nil {
		t.Error("one branch in two feeds: no error")
	}
}

func TestAdvanceDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	m := random(t, tensor.Q8_0, Options{NoTokens: true, Threads: 2})
	defer m.Close()
	feeds := []Feed{{Branch: m.Start(), Tokens: []int32{1}}, {Branch: m.Start(), Tokens: []int32{2, 3}}}
	step := func() {
		if err := m.Advance(feeds); err != nil {
			t.Fatal(err)
		}
		for _, f := range feeds {
			f.Branch.seq.Truncate(f.Branch.Len() - len(f.Tokens))
		}
	}
	for range 3 {
		step()
	}
	if n := testing.AllocsPerRun(40, step); n >= 1 {
		t.Errorf("%v allocations in a pass", n)
	}
}
