package run

import (
	"fmt"
	"strings"
)

// Plan is one operator of a query plan with its inputs. Estimates come from
// the optimiser; Rows, Batches and Millis only from Analyze.
type Plan struct {
	Op       string  `json:"op"`
	Detail   string  `json:"detail,omitempty"`
	Estimate float64 `json:"estimate"`
	// Analyzed tells whether the counters below were measured.
	Analyzed bool    `json:"analyzed"`
	Rows     int64   `json:"rows"`
	Batches  int64   `json:"batches"`
	Millis   float64 `json:"ms"` // time in this operator and its inputs
	// Memory is the most bytes the whole query held; set on the root only.
	Memory   int64   `json:"memory,omitempty"`
	Children []*Plan `json:"children,omitempty"`
}

// String draws the plan as a tree, one operator a line.
func (p *Plan) String() string {
	var b strings.Builder
	p.write(&b, "", "")
	return b.String()
}

func (p *Plan) write(b *strings.Builder, head, tail string) {
	b.WriteString(head)
	b.WriteString(p.Op)
	if p.Detail != "" {
		b.WriteByte(' ')
		b.WriteString(p.Detail)
	}
	if p.Estimate >= 0 {
		fmt.Fprintf(b, "  (est %.0f)", p.Estimate)
	}
	if p.Analyzed {
		fmt.Fprintf(b, "  [rows %d, %.2f ms]", p.Rows, p.Millis)
	}
	b.WriteByte('\n')
	for i, c := range p.Children {
		if i == len(p.Children)-1 {
			c.write(b, tail+"└─ ", tail+"   ")
		} else {
			c.write(b, tail+"├─ ", tail+"│  ")
		}
	}
}
