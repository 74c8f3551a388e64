package reflectkg

import (
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg/fact"
)

const rows = `{"triplet_id":1,"entity":"QRY","entity_type":"ORG","relationship":"discloses","target":"net income","target_type":"FIN_METRIC","start_date":"January 2024","end_date":"default_end_timestamp","ticker":"QRY","year":2024,"source_file":"QRY_10k_2024.pdf","page_id":"page_3","chunk_id":"chunk_1","chunk_text":"Quarry Co discloses net income."}
{"triplet_id":2,"entity":"QRY","entity_type":"ORG","relationship":"depends on","target":"supplier","target_type":"COMP","ticker":"QRY","year":2024,"source_file":"QRY_10k_2024.pdf","page_id":"page_2","chunk_id":"chunk_1","chunk_text":"It depends on a supplier."}
{"triplet_id":3,"entity":"MSS","entity_type":"ORG","relationship":"adores","target":"supplier","target_type":"FRIEND","ticker":"MSS","year":2024,"source_file":"MSS_10k_2024.pdf","page_id":"page_1","chunk_id":"chunk_1","chunk_text":""}
{"triplet_id":4,"entity":"","relationship":"x","target":"y"}
not json
`

func TestRead(t *testing.T) {
	if !Is([]byte(rows)) || Is([]byte("{}")) || Is([]byte("text")) {
		t.Error("not told apart")
	}
	list, problems := Read([]byte(rows))
	if len(list) != 2 || len(problems) != 3 {
		t.Fatalf("%d sources, %v", len(list), problems)
	}
	a, b := list[0], list[1]
	if len(a.Statements) != 2 || a.Statements[1].Relation != fact.TypeIRI("Depends_On") || a.Year != 2024 {
		t.Errorf("%+v", a.Statements)
	}
	for _, s := range a.Statements {
		if got := string(a.Body[s.Span.Start:s.Span.End]); !strings.HasSuffix(got, ".") {
			t.Errorf("%q", got)
		}
	}
	if s := a.Statements[0]; s.Span.Page != 2 || a.Tree.Page(len(a.Tree.Text)-1) != 2 || a.Times[s.IRI] != [2]string{"2024-01", ""} {
		t.Errorf("%+v %v", s, a.Times)
	}
	// "supplier" of one company is not that of the other.
	if x, y := a.Statements[1].Object, b.Statements[0].Object; x == y {
		t.Errorf("one node for two suppliers: %s", x)
	}
	if s := b.Statements[0]; s.Relation != fact.TypeIRI("Related_To") || s.Confidence > 0.5 || !strings.Contains(s.Rule, "adores") {
		t.Errorf("%+v", s)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(rows))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _ := Read(b)
		for _, s := range list {
			for _, st := range s.Statements {
				if st.Span.End > int64(len(s.Body)) || st.Span.Start < 0 || st.Span.End < st.Span.Start {
					t.Errorf("%+v of %d bytes", st.Span, len(s.Body))
				}
			}
		}
	})
}
