package api

import (
	"context"
	"runtime"
	"time"

	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/shape"
)

// GraphStats is the size of the graph in numbers a reader can use.
type GraphStats struct {
	Snapshot   string         `json:"snapshot"`
	Triples    int64          `json:"triples"`
	Graphs     int            `json:"graphs"`
	Predicates []PropertyStat `json:"predicates"`
	Classes    []ClassStat    `json:"classes"`
	Bytes      int64          `json:"bytes,omitempty"`
}

// PropertyStat is a predicate with its counts.
type PropertyStat struct {
	IRI      string        `json:"iri"`
	Label    string        `json:"label,omitempty"`
	Curie    string        `json:"curie,omitempty"`
	Count    int64         `json:"count"`
	Subjects int64         `json:"subjects,omitempty"`
	Objects  int64         `json:"objects,omitempty"`
	Share    float64       `json:"share,omitempty"` // of a class's instances
	Ranges   []shape.Count `json:"ranges,omitempty"`
}

// ClassStat is a class with its number of instances and what they have.
type ClassStat struct {
	IRI        string         `json:"iri"`
	Label      string         `json:"label,omitempty"`
	Curie      string         `json:"curie,omitempty"`
	Count      int64          `json:"count"`
	Properties []PropertyStat `json:"properties,omitempty"`
}

// sizer is a store that knows how much disk it uses.
type sizer interface{ DiskBytes() (int64, error) }

// SnapshotID is how a version is written for clients.
func SnapshotID(version uint64) string { return "s" + uitoa(version) }

func uitoa(n uint64) string {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return string(b[i:])
		}
	}
}

// Stats returns the size of the newest state.
func (s *Service) Stats(ctx context.Context) (*GraphStats, error) {
	var st *GraphStats
	err := s.withSnapshot(func(snap kg.Snapshot) error {
		view, err := s.View(ctx, snap)
		if err != nil {
			return err
		}
		st = &GraphStats{
			Snapshot: SnapshotID(snap.Version()), Triples: snap.Size(), Graphs: len(view.Shape.Graphs),
			Predicates: []PropertyStat{}, Classes: []ClassStat{},
		}
		for _, p := range view.Shape.Properties {
			st.Predicates = append(st.Predicates, propertyStat(p))
		}
		for _, c := range view.Shape.Classes {
			st.Classes = append(st.Classes, ClassStat{IRI: c.IRI, Label: c.Label, Curie: Curie(c.IRI), Count: c.Instances})
		}
		if d, ok := s.opt.Store.(sizer); ok {
			st.Bytes, err = d.DiskBytes()
		}
		return err
	})
	return st, err
}

func propertyStat(p shape.Property) PropertyStat {
	return PropertyStat{IRI: p.IRI, Label: p.Label, Curie: Curie(p.IRI), Count: p.Count, Subjects: p.Subjects, Objects: p.Objects}
}

// Shape returns the classes with the properties of their instances.
func (s *Service) Shape(ctx context.Context) ([]ClassStat, error) {
	classes := []ClassStat{}
	err := s.withSnapshot(func(snap kg.Snapshot) error {
		view, err := s.View(ctx, snap)
		if err != nil {
			return err
		}
		byIRI := map[string]shape.Property{}
		for _, p := range view.Shape.Properties {
			byIRI[p.IRI] = p
		}
		for _, c := range view.Shape.Classes {
			cs := ClassStat{IRI: c.IRI, Label: c.Label, Curie: Curie(c.IRI), Count: c.Instances}
			for _, used := range c.Properties {
				p := propertyStat(byIRI[used.IRI])
				p.Share = min(1, float64(used.N)/float64(max(c.Instances, 1)))
				p.Count = used.N
				p.Ranges = byIRI[used.IRI].Ranges
				cs.Properties = append(cs.Properties, p)
			}
			classes = append(classes, cs)
		}
		return nil
	})
	return classes, err
}

// Health is what the service knows about itself.
type Health struct {
	Status   string  `json:"status"` // ok, degraded or failing
	Version  string  `json:"version"`
	Snapshot string  `json:"snapshot,omitempty"`
	UptimeMs int64   `json:"uptimeMs"`
	Decoder  string  `json:"decoder"`
	Checks   []Check `json:"checks"`
	Graph    struct {
		Triples int64 `json:"triples"`
	} `json:"graph"`
	Limits struct {
		TimeoutMs int64 `json:"timeoutMs"`
		Rows      int64 `json:"rows"`
		Memory    int64 `json:"memory"`
	} `json:"limits"`
}

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, warn or fail
	Detail string `json:"detail,omitempty"`
}

// modelNamer is an answerer that can name its decoder.
type modelNamer interface{ ModelName() string }

// Health looks at the store and the answerer.
func (s *Service) Health(ctx context.Context) *Health {
	h := &Health{Status: "ok", Version: s.opt.Build, UptimeMs: time.Since(s.started).Milliseconds(), Decoder: "off"}
	check := func(name string, err error, detail string) {
		c := Check{name, "ok", detail}
		if err != nil {
			c.Status, c.Detail, h.Status = "fail", err.Error(), "failing"
		}
		h.Checks = append(h.Checks, c)
	}
	snap, err := s.opt.Store.Snapshot()
	check("store", err, "a snapshot opens")
	if err == nil {
		h.Snapshot, h.Graph.Triples = SnapshotID(snap.Version()), snap.Size()
		snap.Close()
	}
	switch {
	case s.opt.Answerer == nil:
		h.Checks = append(h.Checks, Check{"decoder", "warn", "questions are off"})
	default:
		h.Decoder = "on"
		if m, ok := s.opt.Answerer.(modelNamer); ok {
			h.Decoder = m.ModelName()
		}
		check("decoder", nil, h.Decoder)
	}
	if s.Draining() {
		check("service", ErrDraining, "")
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	h.Checks = append(h.Checks, Check{"memory", "ok", uitoa(mem.HeapAlloc>>20) + " MiB on the heap"})
	h.Limits.TimeoutMs = s.opt.Limits.Timeout.Milliseconds()
	h.Limits.Rows, h.Limits.Memory = s.opt.Limits.MaxRows, s.opt.Limits.MaxMemory
	return h
}
