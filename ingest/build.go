package ingest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quaestor-kg/quaestor/ingest/edgar"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/kg/doc"
	"github.com/quaestor-kg/quaestor/kg/fact"
)

// bundle is all that a unit brings: its documents with bytes and trees, and
// what they state. Statements are made when they are written.
type bundle struct {
	path      string
	graph     string
	docs      []doc.Document
	files     [][]byte
	trees     []*doc.Tree
	encoded   [][]byte
	facts     []fact.Fact
	companies []fact.Company
	concepts  []fact.Concept
	fiscal    []fact.FiscalPeriod
	read      []fact.Statement // by rules
	mentions  []fact.Mention
	extra     []kg.TermQuad
	problems  []Problem
}

// quads yields every statement of the unit.
func (b *bundle) quads(yield func(kg.TermQuad) bool) {
	on := true
	each := func(q kg.TermQuad) bool {
		on = on && yield(q)
		return on
	}
	for i := range b.docs {
		b.docs[i].Quads(each)
	}
	for i := range b.companies {
		b.companies[i].Quads(each)
	}
	periods := map[fact.Period]bool{}
	for i := range b.facts {
		if !on {
			return
		}
		b.facts[i].Quads(each)
		if p := b.facts[i].Period; !periods[p] {
			periods[p] = true
			p.Quads(b.graph)(each)
		}
	}
	for i := range b.concepts {
		b.concepts[i].Quads(each)
	}
	for i := range b.fiscal {
		b.fiscal[i].Quads(each)
	}
	for i := range b.mentions {
		b.mentions[i].Quads(each)
	}
	for i := range b.read {
		b.read[i].Quads(each)
	}
	for _, q := range b.extra {
		if !each(q) {
			return
		}
	}
}

// builder makes a bundle of a filing.
type builder struct {
	b      *bundle
	f      *edgar.Filing
	labels Labels
	main   int
	seen   map[string]int // concept IRI -> index in b.concepts
	rows   map[string]map[string]int
	cik    string // of the filer
	member map[string]string
}

// build makes the bundle of a filing. Dates and names come from the
// submission's header, else from the tagged cover page.
func build(path string, f *edgar.Filing, o *Options, run string, now time.Time) *bundle {
	b := &bundle{path: path}
	x := &builder{b: b, f: f, labels: o.Labels, main: f.Main(), seen: map[string]int{}, rows: map[string]map[string]int{}, member: map[string]string{}}
	x.documents(run, now)
	x.company()
	x.facts()
	x.duplicates()
	x.calendar()
	x.label()
	x.sections()
	x.relations()
	for _, p := range f.Problems {
		b.problems = append(b.problems, Problem{Path: path, What: p.String()})
	}
	return b
}

func (x *builder) documents(run string, now time.Time) {
	f, h := x.f, x.f.Header
	b := x.b
	for i, p := range f.Files {
		sum := sha256.Sum256(p.Body)
		d := doc.Document{
			Name: stem(p.Name), SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(p.Body)), Source: b.path, Run: run,
			Loaded: now.UTC().Format("2006-01-02T15:04:05Z"), MediaType: mediaType(p),
		}
		if p.Tree != nil {
			d.Pages = len(p.Tree.Pages)
		}
		if i != x.main {
			d.Form = p.Type
		}
		b.docs = append(b.docs, d)
		b.files = append(b.files, p.Body)
		b.trees = append(b.trees, p.Tree)
	}
	m := &b.docs[x.main]
	b.graph = doc.Base + cmp.Or(h.Accession, "sha256-"+m.SHA256[:32])
	for i := range b.docs {
		b.docs[i].Graph, b.docs[i].ID = b.graph, b.graph
		if i != x.main {
			b.docs[i].ID = b.graph + "/" + escapeName(f.Files[i].Name)
		}
	}
	m.Accession = h.Accession
	m.Form = cmp.Or(f.DeiText("DocumentType"), h.Form, f.Files[x.main].Type)
	m.Filed = h.Filed
	m.PeriodEnd = cmp.Or(x.periodEnd(), h.PeriodEnd)
	m.FiscalYear, _ = strconv.Atoi(f.DeiText("DocumentFiscalYearFocus"))
	m.FiscalPart = f.DeiText("DocumentFiscalPeriodFocus")
	if base, ok := strings.CutSuffix(m.Form, "/A"); ok || strings.EqualFold(f.DeiText("AmendmentFlag"), "true") {
		m.Amends = cmp.Or(base, m.Form)
	}
	x.cik = cmp.Or(f.DeiText("EntityCentralIndexKey"), h.CIK, x.identifier())
	if x.cik != "" {
		m.Company = fact.CompanyIRI(x.cik)
	}
	name := cmp.Or(f.DeiText("EntityRegistrantName"), h.Company)
	if name != "" && m.Form != "" {
		m.Title = strings.TrimSpace(name + ", " + m.Form + " " + m.PeriodEnd)
	}
	for i := range b.docs {
		b.docs[i].Company = m.Company
	}
}

// identifier is the entity of most facts.
func (x *builder) identifier() string {
	counts := map[string]int{}
	best := ""
	for i := range x.f.Facts {
		if c := x.f.Facts[i].Context; c != nil {
			counts[c.Identifier]++
			if counts[c.Identifier] > counts[best] {
				best = c.Identifier
			}
		}
	}
	return best
}

// periodEnd is the end of the period the filing reports on: the tagged date,
// completed with the year of the period that its own context ends in.
func (x *builder) periodEnd() string {
	for _, d := range x.f.Dei("DocumentPeriodEndDate") {
		v := strings.TrimSpace(d.Value)
		if _, err := time.Parse(time.DateOnly, v); err == nil {
			return v
		}
		if end := d.Context.Period.End; end != "" {
			return end
		}
	}
	return ""
}

func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

func escapeName(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c|32 >= 'a' && c|32 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func mediaType(p edgar.Page) string {
	switch {
	case p.Media != "":
		return p.Media
	case p.Text:
		return "text/plain"
	case p.Tree == nil:
		return "application/xml"
	case p.Inline:
		return "application/xhtml+xml"
	}
	return "text/html"
}

// company describes the filer and, in a combined report, the other registrants
// in it.
func (x *builder) company() {
	f := x.f
	if x.cik == "" {
		return
	}
	c := fact.Company{IRI: fact.CompanyIRI(x.cik), Graph: x.b.graph, CIK: padded(x.cik)}
	c.Name = cmp.Or(f.DeiText("EntityRegistrantName"), f.Header.Company)
	c.City = f.DeiText("EntityAddressCityOrTown")
	c.State = f.DeiText("EntityAddressStateOrProvince")
	c.Incorporated = f.DeiText("EntityIncorporationStateCountryCode")
	c.SIC = f.Header.SIC
	for _, t := range f.Dei("TradingSymbol") {
		if v := strings.ToUpper(strings.TrimSpace(t.Value)); len(v) <= 10 && !strings.EqualFold(v, "none") && !strings.EqualFold(v, "n/a") && !slices.Contains(c.Tickers, v) {
			c.Tickers = append(c.Tickers, v)
		}
	}
	for _, a := range f.Dei("AuditorName") {
		if v := oneLine(a.Value); !slices.Contains(c.Auditors, v) {
			c.Auditors = append(c.Auditors, v)
		}
	}
	c.Aliases = slices.Clone(f.Header.FormerName)
	x.b.companies = append(x.b.companies, c)
	// Registrants by the member that stands for them.
	by := map[string]*fact.Company{}
	for _, local := range []string{"EntityRegistrantName", "EntityCentralIndexKey", "TradingSymbol", "EntityAddressCityOrTown"} {
		for _, d := range f.Dei(local) {
			m := legalEntity(d)
			if m == "" {
				continue
			}
			if by[m] == nil {
				by[m] = &fact.Company{IRI: m, Graph: x.b.graph}
			}
			v := oneLine(d.Value)
			switch local {
			case "EntityRegistrantName":
				by[m].Name = v
			case "EntityCentralIndexKey":
				by[m].CIK = padded(v)
				by[m].IRI = fact.CompanyIRI(v)
			case "TradingSymbol":
				by[m].Tickers = append(by[m].Tickers, strings.ToUpper(v))
			default:
				by[m].City = v
			}
		}
	}
	for m, c := range by {
		if c.Name == "" {
			continue
		}
		x.member[m] = c.IRI
	}
	for _, m := range sortedKeys(x.member) {
		if by[m].IRI != x.b.companies[0].IRI {
			x.b.companies = append(x.b.companies, *by[m])
		}
	}
}

// legalEntity is the member of the axis of registrants, if that is the fact's
// only dimension.
func legalEntity(d *edgar.Fact) string {
	if ds := d.Context.Dims; len(ds) == 1 && ds[0].Axis.Prefix == "dei" && ds[0].Axis.Local == "LegalEntityAxis" && !ds[0].Typed {
		return ds[0].Member.IRI()
	}
	return ""
}

func padded(cik string) string {
	n := strings.TrimLeft(strings.TrimSpace(cik), "0")
	if len(n) < 10 {
		n = strings.Repeat("0", 10-len(n)) + n
	}
	return n
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// facts makes the facts of the graph.
func (x *builder) facts() {
	for i := range x.f.Facts {
		e := &x.f.Facts[i]
		if e.Context == nil || !e.Valid && !e.Nil || e.Numeric && e.Unit == "" {
			continue
		}
		d := &x.b.docs[e.File]
		f := fact.Fact{
			ID: x.b.graph + "#" + escapeName(e.ID), Graph: x.b.graph, Concept: e.Concept.IRI(), Period: e.Context.Period, Unit: e.Unit,
			Value: e.Value, Numeric: e.Numeric, Nil: e.Nil, Decimals: e.Decimals, Row: clip(e.Row), Column: e.Column,
		}
		if d.ID != x.b.graph {
			f.ID = d.ID + "#" + escapeName(e.ID)
		}
		f.Company = x.companyOf(e.Context)
		if !isNumber(f.Value) && f.Numeric {
			f.Numeric = false // INF, NaN
		}
		if !f.Numeric {
			f.Value = clip(oneLine(f.Value))
		}
		f.Scale, _ = strconv.Atoi(e.Scale)
		for _, dim := range e.Context.Dims {
			x.concept(dim.Axis, "")
			fd := fact.Dim{Axis: dim.Axis.IRI(), Typed: dim.Typed, Member: dim.Value}
			if !dim.Typed {
				fd.Member = dim.Member.IRI()
				x.concept(dim.Member, "")
			}
			f.Dims = append(f.Dims, fd)
		}
		x.concept(e.Concept, "")
		x.wording(e)
		f.Footnote = clip(strings.Join(e.Notes, " "))
		f.Span, f.More = x.span(e, d)
		x.b.facts = append(x.b.facts, f)
	}
}

// duplicates remarks on facts of one key that exclude each other. Those of
// other accuracy alone are fine.
func (x *builder) duplicates() {
	first := map[string]int{}
	for i := range x.b.facts {
		f := &x.b.facts[i]
		if !f.Numeric {
			continue
		}
		key := f.Key()
		j, ok := first[key]
		if !ok {
			first[key] = i
			continue
		}
		g := &x.b.facts[j]
		if !fact.Consistent(f, g) {
			x.add(f.ID, fact.PDisputes, kg.NewIRI(g.ID))
			x.b.problems = append(x.b.problems, Problem{Path: x.b.path, What: fmt.Sprintf("%s and %s state %s and %s for one thing", g.LocalID(), f.LocalID(), value(g), value(f))})
		}
		if fact.Better(f, g) {
			first[key] = i
		}
	}
}

func value(f *fact.Fact) string {
	if f.Nil {
		return "nothing"
	}
	return f.Value
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789.-") == "" }

func clip(s string) string {
	if len(s) <= fact.MaxText {
		return s
	}
	s = s[:fact.MaxText]
	if i := strings.LastIndexByte(s, ' '); i > fact.MaxText/2 {
		s = s[:i]
	}
	return strings.ToValidUTF8(s, "")
}

// companyOf is the company that a context is about: the filer, or the
// registrant that stands in the axis of legal entities.
func (x *builder) companyOf(c *edgar.Context) string {
	for _, d := range c.Dims {
		if d.Axis.Prefix == "dei" && d.Axis.Local == "LegalEntityAxis" && !d.Typed {
			if iri := x.member[d.Member.IRI()]; iri != "" {
				return iri
			}
		}
	}
	if digits := strings.Trim(c.Identifier, "0123456789"); digits == "" && c.Identifier != "" {
		return fact.CompanyIRI(c.Identifier)
	}
	return "urn:quaestor:entity:" + escapeName(c.Identifier)
}

// span is where the fact is shown; a tag without text is cited whole.
func (x *builder) span(e *edgar.Fact, d *doc.Document) (first doc.Span, more []doc.Span) {
	pieces := e.Spans
	if len(pieces) == 0 {
		body := x.b.files[e.File]
		end := e.Tag
		if i := slices.Index(body[e.Tag:], '>'); i >= 0 {
			end += int64(i) + 1
		}
		pieces = []edgar.Piece{{File: e.File, Start: e.Tag, End: end}}
	}
	for i, p := range pieces {
		s := doc.Span{Doc: x.b.docs[p.File].ID, Start: p.Start, End: p.End, Page: e.Page, Hash: doc.Hash(x.b.files[p.File][p.Start:p.End])}
		if t := x.b.trees[p.File]; t != nil && i > 0 {
			from, _ := t.TextRange(p.Start, p.End)
			s.Page = t.Page(from)
		}
		if i == 0 {
			first = s
		} else {
			more = append(more, s)
		}
	}
	return first, more
}

// calendar reads what the company calls its years and quarters.
func (x *builder) calendar() {
	d := &x.b.docs[x.main]
	end, err := time.Parse(time.DateOnly, d.PeriodEnd)
	if err != nil || d.Company == "" || d.FiscalYear == 0 {
		return
	}
	if diff := d.FiscalYear - end.Year(); diff < -1 || diff > 1 {
		x.b.problems = append(x.b.problems, Problem{Path: x.b.path, What: fmt.Sprintf("the cover page calls the period that ends %s fiscal year %d, which cannot be: it is taken as %d", d.PeriodEnd, d.FiscalYear, end.Year())})
		d.FiscalYear = end.Year()
	}
	seen := map[string]bool{}
	add := func(year int, part string, p fact.Period) {
		iri := fact.FiscalIRI(d.Company, year, part)
		if key := iri + p.String(); !seen[key] {
			seen[key] = true
			x.b.fiscal = append(x.b.fiscal, fact.FiscalPeriod{IRI: iri, Graph: x.b.graph, Company: d.Company, Year: year, Part: part, Period: p})
		}
	}
	annual := d.FiscalPart == "FY" || strings.HasPrefix(d.Form, "10-K") || strings.HasPrefix(d.Form, "20-F") || strings.HasPrefix(d.Form, "40-F")
	uses := map[fact.Period]int{}
	for i := range x.b.facts {
		if f := &x.b.facts[i]; f.Company == d.Company && !f.Period.Instant() && len(f.Dims) == 0 {
			uses[f.Period]++
		}
	}
	var periods []fact.Period
	for p := range uses {
		periods = append(periods, p)
	}
	slices.SortFunc(periods, func(a, b fact.Period) int {
		return cmp.Or(cmp.Compare(b.End, a.End), cmp.Compare(uses[b], uses[a]), cmp.Compare(a.Start, b.Start))
	})
	taken := map[string]bool{}
	for _, p := range periods {
		e, err := time.Parse(time.DateOnly, p.End)
		days := p.Days()
		if err != nil {
			continue
		}
		back := int((end.Sub(e).Hours()/24 + 182) / 365.25)
		off := end.AddDate(-back, 0, 0).Sub(e).Hours() / 24
		if e.After(end) || off < -20 || off > 20 {
			continue
		}
		part := ""
		switch {
		case annual && days > 340 && days < 385:
			part = "FY"
		case !annual && days > 75 && days < 100:
			part = d.FiscalPart
		}
		if key := fmt.Sprint(back, part); part != "" && !taken[key] {
			taken[key] = true
			add(d.FiscalYear-back, part, p)
		}
	}
}
