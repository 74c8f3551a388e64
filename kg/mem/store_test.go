package mem

import (
	"context"
	"errors"
	"testing"

	"github.com/quaestor-kg/quaestor/kg"
)

func TestUpdateIsAtomicAndIsolated(t *testing.T) {
	s := New()
	ctx := context.Background()
	tq := kg.TermQuad{S: kg.NewIRI("s"), P: kg.NewIRI("p"), O: kg.NewString("an object")}
	before, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	stats, err := s.Load(ctx, func(yield func(kg.TermQuad, error) bool) {
		if yield(tq, nil) {
			yield(tq, nil)
		}
	})
	if err != nil || stats != (kg.LoadStats{Read: 2, Added: 1, Duplicates: 1}) {
		t.Fatalf("Load = %+v, %v", stats, err)
	}
	broken := errors.New("broken")
	err = s.Update(ctx, func(x kg.Tx) error {
		q, err := Intern(x, kg.TermQuad{S: tq.S, P: tq.P, O: kg.NewTyped("5", kg.XSD+"integer")})
		if err != nil {
			return err
		}
		if ok, err := x.Insert(q); !ok || err != nil || x.Size() != 2 {
			t.Errorf("Insert = %v, %v; size %d", ok, err, x.Size())
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	after, _ := s.Snapshot()
	if before.Size() != 0 || after.Size() != 1 || after.Version() != before.Version()+1 {
		t.Fatalf("sizes %d, %d, versions %d, %d", before.Size(), after.Size(), before.Version(), after.Version())
	}
	if _, ok, _ := before.Lookup(tq.S); ok {
		t.Error("old snapshot knows a new term")
	}
	c := after.Scan(ctx, kg.Pattern{}, kg.POS)
	if !c.Next() || c.Next() || c.Err() != nil || c.Close() != nil {
		t.Error("scan")
	}
}
