package edgar

import (
	"encoding/json"
	"strconv"
)

// Line is a fact as `quaestor facts` prints it.
type Line struct {
	ID       string      `json:"id"`
	Concept  string      `json:"concept"`
	Context  string      `json:"context"`
	Period   []string    `json:"period"` // start and end, or one day
	Dims     [][2]string `json:"dims"`   // axis and member, sorted by axis
	Unit     string      `json:"unit"`
	Decimals *string     `json:"decimals"`
	Scale    *string     `json:"scale"`
	Value    any         `json:"value"` // exact number, text, or null
	Text     string      `json:"text"`  // as shown
	Offset   int64       `json:"offset"`
	Page     int         `json:"page"` // index from 0, -1 hidden
	Row      string      `json:"row"`  // the whole table row, or the sentence
	Kind     string      `json:"kind"` // number, text, nil or error
	Start    int64       `json:"start"`
	End      int64       `json:"end"`
	Heading  string      `json:"heading"` // of the row
	Column   string      `json:"column"`
	Entity   string      `json:"entity"`
	File     string      `json:"file"`
	Notes    []string    `json:"footnotes,omitempty"`
	Spans    [][2]int64  `json:"spans,omitempty"` // all pieces, where there are several
}

// Line returns the fact for printing.
func (f *Filing) Line(x *Fact) Line {
	l := Line{
		ID: x.ID, Concept: x.Concept.String(), Context: x.CtxRef, Period: []string{}, Dims: [][2]string{}, Unit: x.Unit,
		Text: x.Text, Offset: x.Tag, Page: x.Page, Row: x.RowText, Heading: x.Row, Column: x.Column, File: f.Files[x.File].Name, Notes: x.Notes,
	}
	if x.Page < 0 && l.Row == "" {
		l.Row = "(hidden)"
	}
	if x.Decimals != "" {
		l.Decimals = &x.Decimals
	}
	if x.Scale != "" {
		l.Scale = &x.Scale
	}
	if c := x.Context; c != nil {
		l.Entity = c.Identifier
		if c.Period.Start != "" {
			l.Period = append(l.Period, c.Period.Start)
		}
		if c.Period.End != "" {
			l.Period = append(l.Period, c.Period.End)
		}
		for _, d := range c.Dims {
			l.Dims = append(l.Dims, [2]string{d.Axis.String(), d.MemberText()})
		}
	}
	l.Start, l.End = x.Tag, x.Tag
	if len(x.Spans) > 0 {
		l.Start, l.End = x.Spans[0].Start, x.Spans[0].End
	}
	if len(x.Spans) > 1 {
		for _, s := range x.Spans {
			l.Spans = append(l.Spans, [2]int64{s.Start, s.End})
		}
	}
	switch {
	case x.Nil:
		l.Kind = "nil"
	case !x.Valid:
		l.Kind = "error"
	case x.Numeric:
		l.Kind = "number"
		if _, err := strconv.ParseFloat(x.Value, 64); err == nil && x.Value != "INF" && x.Value != "-INF" && x.Value != "NaN" {
			l.Value = json.Number(x.Value)
		} else {
			l.Value = x.Value
		}
	default:
		l.Kind, l.Value = "text", x.Value
	}
	return l
}
