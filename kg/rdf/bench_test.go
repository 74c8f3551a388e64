package rdf_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	knakk "github.com/knakk/rdf"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

// shop makes statements like those of a web shop: runs of one subject, a few
// predicates, links, numbers, short and long texts.
func shop(n int) []kg.TermQuad {
	r := rand.New(rand.NewPCG(1, 2))
	const base = "http://shop.example/"
	words := []string{"quick", "garden", "Lötkolben", "blue", "steel", "chair", "\"good\"", "with", "cable", "and"}
	text := func(n int) string {
		var b bytes.Buffer
		for range n {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteByte(' ')
		}
		return b.String()
	}
	prop := func(s string) kg.Term { return kg.NewIRI(base + "vocabulary/" + s) }
	out := make([]kg.TermQuad, 0, n+10)
	for k := 0; len(out) < n; k++ {
		s := kg.NewIRI(fmt.Sprintf("%sproduct/P%07d", base, k))
		add := func(p, o kg.Term) { out = append(out, kg.TermQuad{S: s, P: p, O: o}) }
		add(kg.NewIRI(kg.RDFType), prop("Product"))
		add(kg.NewIRI(kg.RDFSLabel), kg.NewLang(text(3), "en"))
		add(prop("comment"), kg.NewString(text(15)))
		add(prop("price"), kg.NewTyped(fmt.Sprintf("%d.%02d", r.IntN(500), r.IntN(100)), kg.XSD+"decimal"))
		add(prop("stock"), kg.NewTyped(fmt.Sprint(r.IntN(1000)), kg.XSD+"integer"))
		add(prop("producer"), kg.NewIRI(fmt.Sprintf("%sproducer/%d", base, r.IntN(n/20+1))))
		for range 3 {
			add(prop("feature"), kg.NewIRI(fmt.Sprintf("%sfeature/%d", base, r.IntN(n/10+1))))
		}
		b := kg.NewBlank(fmt.Sprintf("r%d", k))
		add(prop("review"), b)
		out = append(out, kg.TermQuad{S: b, P: prop("rating"), O: kg.NewTyped(fmt.Sprint(r.IntN(10)), kg.XSD+"integer")})
	}
	return out[:n]
}

func encoded(b testing.TB, f rdf.Format, quads []kg.TermQuad) []byte {
	b.Helper()
	var buf bytes.Buffer
	w := rdf.NewWriter(&buf, f, map[string]string{"v": "http://shop.example/vocabulary/", "p": "http://shop.example/product/", "rdfs": kg.RDFS, "xsd": kg.XSD})
	for _, q := range quads {
		if err := w.Write(q); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

const benchSize = 100_000

func benchRead(b *testing.B, f rdf.Format, workers int) {
	data := encoded(b, f, shop(benchSize))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for batch, err := range rdf.ReadBatches(context.Background(), bytes.NewReader(data), rdf.ReadOptions{Format: f, Workers: workers, Base: "http://shop.example/"}) {
			if err != nil {
				b.Fatal(err)
			}
			n += len(batch)
		}
		if n != benchSize {
			b.Fatalf("%d statements", n)
		}
	}
	reportTriples(b)
}

func benchKnakk(b *testing.B, f rdf.Format, kf knakk.Format) {
	data := encoded(b, f, shop(benchSize))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		dec := knakk.NewTripleDecoder(bytes.NewReader(data), kf)
		n := 0
		for {
			_, err := dec.Decode()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != benchSize {
			b.Fatalf("%d statements", n)
		}
	}
	reportTriples(b)
}

func reportTriples(b *testing.B) {
	b.ReportMetric(float64(benchSize)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mtriples/s")
}

func BenchmarkReadNTriples(b *testing.B) {
	b.Run("workers=1", func(b *testing.B) { benchRead(b, rdf.NTriples, 1) })
	b.Run("workers=2", func(b *testing.B) { benchRead(b, rdf.NTriples, 2) })
	b.Run("knakk", func(b *testing.B) { benchKnakk(b, rdf.NTriples, knakk.NTriples) })
}

func BenchmarkReadTurtle(b *testing.B) {
	b.Run("own", func(b *testing.B) { benchRead(b, rdf.Turtle, 1) })
	b.Run("knakk", func(b *testing.B) { benchKnakk(b, rdf.Turtle, knakk.Turtle) })
}

func BenchmarkReadRDFXML(b *testing.B) { benchRead(b, rdf.RDFXML, 1) }

func BenchmarkWrite(b *testing.B) {
	quads := shop(benchSize)
	for _, f := range rdf.Formats() {
		b.Run(f.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := rdf.NewWriter(io.Discard, f, map[string]string{"v": "http://shop.example/vocabulary/"})
				for i := range quads {
					if err := w.Write(quads[i]); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.Flush(); err != nil {
					b.Fatal(err)
				}
			}
			reportTriples(b)
		})
	}
}
