// Package sparqlbench times queries in process: each .rq file of a folder, cold
// and warm, with results written as JSON to nowhere, so that the figures
// include what a server does but the network. An order-free checksum tells
// whether two engines gave the same answer.
package sparqlbench

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/sparql"
	"github.com/quaestor-kg/quaestor/sparql/results"
)

// Options configures a run.
type Options struct {
	// Runs is how often each query runs; the first is the cold one. Default 7.
	Runs int
	// Only restricts the run to queries whose names begin so.
	Only string
	// Budget ends the repetitions of one query after about this time; a query
	// runs at least twice. Default 20 s.
	Budget time.Duration
	Limits sparql.Limits
}

// Measurement is one query's figures. Times are milliseconds.
type Measurement struct {
	Name string `json:"name"`
	Err  string `json:"error,omitempty"`
	// Rows and Checksum are of the result.
	Rows     int64   `json:"rows"`
	Checksum string  `json:"checksum"`
	Bytes    int64   `json:"bytes"` // of the JSON result
	Runs     int     `json:"runs"`
	Cold     float64 `json:"cold_ms"`
	Min      float64 `json:"min_ms"`
	Median   float64 `json:"median_ms"`
	// CPU is of all threads of this process, garbage collection included; 0
	// where the system does not tell.
	CPUMin    float64 `json:"cpu_min_ms"`
	CPUMedian float64 `json:"cpu_median_ms"`
	Allocs    uint64  `json:"allocs"` // of the last run
}

// Load reads a file of triples into a store.
func Load(ctx context.Context, st kg.Store, path string) (kg.LoadStats, time.Duration, error) {
	f, format, err := rdf.Open(path)
	if err != nil {
		return kg.LoadStats{}, 0, err
	}
	defer f.Close()
	t := time.Now()
	stats, err := st.Load(ctx, rdf.Read(ctx, f, rdf.ReadOptions{Format: format}))
	return stats, time.Since(t), err
}

// Run times every .rq file of a folder, in order of their names.
func Run(ctx context.Context, eng *sparql.Engine, s kg.Snapshot, dir string, o Options) ([]Measurement, error) {
	if o.Runs == 0 {
		o.Runs = 7
	}
	if o.Budget == 0 {
		o.Budget = 20 * time.Second
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.rq"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no .rq files in %s", dir)
	}
	slices.Sort(files)
	var out []Measurement
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".rq")
		if !strings.HasPrefix(name, o.Only) {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			return out, err
		}
		out = append(out, measure(ctx, eng, s, name, string(text), o))
		if err := ctx.Err(); err != nil {
			return out, err
		}
	}
	return out, nil
}

func measure(ctx context.Context, eng *sparql.Engine, s kg.Snapshot, name, text string, o Options) Measurement {
	m := Measurement{Name: name}
	var ms, cpu []float64
	end := time.Now().Add(o.Budget)
	runtime.GC() // not the garbage of the query before
	for i := 0; i < o.Runs && (i < 2 || time.Now().Before(end)); i++ {
		var before, after runtime.MemStats
		last := i == o.Runs-1
		if last {
			runtime.ReadMemStats(&before)
		}
		c, t := cpuTime(), time.Now()
		bytes, err := once(ctx, eng, s, text, o.Limits)
		d, dc := time.Since(t), cpuTime()-c
		if err != nil {
			m.Err = err.Error()
			return m
		}
		if last {
			runtime.ReadMemStats(&after)
			m.Allocs = after.Mallocs - before.Mallocs
		}
		m.Bytes = bytes
		ms = append(ms, float64(d.Nanoseconds())/1e6)
		cpu = append(cpu, float64(dc.Nanoseconds())/1e6)
	}
	m.Runs = len(ms)
	m.Cold = ms[0]
	slices.Sort(ms)
	slices.Sort(cpu)
	m.Min, m.Median = ms[0], ms[len(ms)/2]
	m.CPUMin, m.CPUMedian = cpu[0], cpu[len(cpu)/2]
	rows, sum, err := Checksum(ctx, eng, s, text, o.Limits)
	if err != nil {
		m.Err = err.Error()
	}
	m.Rows, m.Checksum = rows, fmt.Sprintf("%016x", sum)
	return m
}

type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// once parses, plans and runs a query and writes its result.
func once(ctx context.Context, eng *sparql.Engine, s kg.Snapshot, text string, l sparql.Limits) (int64, error) {
	var w counter
	p, err := eng.Prepare(text, "")
	if err != nil {
		return 0, err
	}
	r, err := p.Run(ctx, s, l)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	switch r.Form {
	case sparql.Select:
		err = results.WriteRows(&w, results.JSON, r.Vars, r.Rows())
	case sparql.Ask:
		err = results.WriteBoolean(&w, results.JSON, r.Boolean)
	default:
		for q, e := range r.Quads() {
			if e != nil {
				return w.n, e
			}
			if _, err = io.WriteString(&w, q.S.String()+" "+q.P.String()+" "+q.O.String()+" .\n"); err != nil {
				return w.n, err
			}
		}
	}
	return w.n, err
}

// Checksum runs a SELECT query and returns its number of rows and the sum of
// the hashes of its rows: the order of rows does not matter, numbers count by
// value to six digits, so that different engines agree.
func Checksum(ctx context.Context, eng *sparql.Engine, s kg.Snapshot, text string, l sparql.Limits) (rows int64, sum uint64, err error) {
	p, err := eng.Prepare(text, "")
	if err != nil {
		return 0, 0, err
	}
	r, err := p.Run(ctx, s, l)
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	for row, err := range r.Rows() {
		if err != nil {
			return rows, sum, err
		}
		rows++
		sum += hashRow(row)
	}
	return rows, sum, nil
}

func hashRow(row []kg.Term) uint64 {
	h := fnv.New64a()
	for _, t := range row {
		if t.Kind == kg.None {
			_, _ = io.WriteString(h, "|-")
			continue
		}
		v, d := t.Value, t.Datatype
		if t.Kind == kg.Literal && (strings.Contains(d, "decimal") || strings.Contains(d, "double") || strings.Contains(d, "integer") || strings.Contains(d, "#int")) {
			if f, err := strconv.ParseFloat(v, 64); err == nil {
				v = strconv.FormatFloat(f, 'g', 6, 64)
			}
		}
		_, _ = io.WriteString(h, "|"+v) // a hash does not fail
	}
	return h.Sum64()
}
