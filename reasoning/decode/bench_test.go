package decode

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/quaestor-kg/quaestor/internal/shared"
	"github.com/quaestor-kg/quaestor/reasoning/tensor"
)

// BenchmarkSmolLM2 prints the table of Bench for one thread and for two.
func BenchmarkSmolLM2(b *testing.B) {
	for _, threads := range []int{1, 2} {
		m, err := Load(filepath.Join(shared.Dir(b), "models", "smollm2-135m-instruct-q4_1.gguf"), Options{Threads: threads})
		if err != nil {
			b.Fatal(err)
		}
		rows, err := Bench(context.Background(), m, 3)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range rows {
			fmt.Printf("%-12s %d threads: %7.2f ms wall, %7.2f ms CPU per token, %6.1f tokens/s; peer %v CPU\n",
				r.Name, r.Threads, r.Wall.Seconds()*1e3, r.CPU.Seconds()*1e3, r.Rate(), r.Peer)
		}
		m.Close()
	}
}

func TestBenchMeasures(t *testing.T) {
	m := random(t, tensor.F32, Options{NoTokens: true})
	defer m.Close()
	rows, err := Bench(context.Background(), m, 1)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range rows {
		names[r.Name] = true
		if r.Wall <= 0 || r.Tokens <= 0 || r.Rate() <= 0 {
			t.Errorf("%+v", r)
		}
	}
	if !names["prefill512"] || !names["decode@64"] || !names["beam5@64"] || names["decode@4096"] {
		t.Errorf("measured %v", names)
	}
}

// BenchmarkTree scores 48 candidates of 14 tokens, as many nodes as questions
// have, after a prompt of 120 tokens.
func BenchmarkTree(b *testing.B) {
	m, err := Load(filepath.Join(shared.Dir(b), "models", "smollm2-135m-instruct-q4_1.gguf"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	var texts [][]int32
	for i := range 48 {
		c := someIDs(7, 14, m.Config.Vocab)
		for j := 8 + i%5; j < len(c); j++ {
			c[j] = int32(i*31 + j)
		}
		texts = append(texts, c)
	}
	nodes, _ := Trie(texts)
	prompt := someIDs(8, 120, m.Config.Vocab)
	for _, full := range []bool{false, true} {
		b.Run(fmt.Sprintf("nodes=%d/whole-softmax=%v", len(nodes), full), func(b *testing.B) {
			cpu := CPUTime()
			for b.Loop() {
				if _, err := m.Tree(context.Background(), prompt, nodes, full); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((CPUTime()-cpu).Seconds()*1e3/float64(b.N), "CPU-ms/op")
		})
	}
}
