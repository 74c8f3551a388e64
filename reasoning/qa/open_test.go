package qa

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/quaestor-kg/quaestor/reasoning"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/rank"
)

// TestOpen: where the graph gives the direction away, an open choice may miss it
// and the words alone decide.
func TestOpen(t *testing.T) {
	s, qs := towns(t)
	v, err := reasoning.NewView(context.Background(), s, constrain.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range qs {
		qs[i].Topic, qs[i].Path = json.RawMessage(`"http://x/`+qs[i].ID+`"`), json.RawMessage(`["birthplace"]`)
	}
	qs[49].Path = json.RawMessage(`["~birthplace"]`)
	qs[48].Path = json.RawMessage(`["other"]`)
	r, err := Open(context.Background(), v, nil, rank.Floor, qs)
	if err != nil {
		t.Fatal(err)
	}
	if r.N != 50 || r.Thing != 1 || r.Exact != 48.0/50 || r.Alike != 49.0/50 || r.Kept != 49.0/50 {
		t.Errorf("%+v", r)
	}
}
