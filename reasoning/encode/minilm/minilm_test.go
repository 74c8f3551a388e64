package minilm

import "testing"

func TestCloserTextsHaveCloserVectors(t *testing.T) {
	e, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	v := e.Embed([]string{"who directed the film", "director", "melting point", "the person who made the movie"})
	dot := func(a, b []float32) (s float32) {
		for i, x := range a {
			s += x * b[i]
		}
		return s
	}
	if dot(v[0], v[1]) <= dot(v[0], v[2]) || dot(v[0], v[3]) <= dot(v[0], v[2]) {
		t.Errorf("director %.3f, paraphrase %.3f, melting point %.3f", dot(v[0], v[1]), dot(v[0], v[3]), dot(v[0], v[2]))
	}
	if l := dot(v[1], v[1]); l < 0.999 || l > 1.001 {
		t.Errorf("length %.4f", l)
	}
}
