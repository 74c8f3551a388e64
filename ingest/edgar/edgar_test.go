package edgar

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg/doc"
)

const head = `<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:ix="http://www.xbrl.org/2013/inlineXBRL" xmlns:xbrli="http://www.xbrl.org/2003/instance"
 xmlns:xbrldi="http://xbrl.org/2006/xbrldi" xmlns:iso4217="http://www.xbrl.org/2003/iso4217" xmlns:us-gaap="http://fasb.org/us-gaap/2024"
 xmlns:dei="http://xbrl.sec.gov/dei/2024" xmlns:srt="http://fasb.org/srt/2024" xmlns:q="http://www.quarry.example/20241231"
 xmlns:ixt="http://www.xbrl.org/inlineXBRL/transformation/2020-02-12" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<head><title>t</title></head><body>
<div style="display:none"><ix:header><ix:hidden><ix:nonNumeric id="h1" name="dei:DocumentType" contextRef="y">10-K</ix:nonNumeric></ix:hidden><ix:resources>
<xbrli:context id="y"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">0000000007</xbrli:identifier></xbrli:entity><xbrli:period><xbrli:startDate>2024-01-01</xbrli:startDate><xbrli:endDate>2024-12-31</xbrli:endDate></xbrli:period></xbrli:context>
<xbrli:context id="i"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">0000000007</xbrli:identifier><xbrli:segment><xbrldi:typedMember dimension="q:SiteAxis"><q:site>North &amp; South</q:site></xbrldi:typedMember><xbrldi:explicitMember dimension="srt:ProductOrServiceAxis">q:StoneMember</xbrldi:explicitMember></xbrli:segment></xbrli:entity><xbrli:period><xbrli:instant>2025-01-01T00:00:00</xbrli:instant></xbrli:period></xbrli:context>
<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>
</ix:resources></ix:header></div>`

func num(id, name, ctx, attrs, text string) string {
	return fmt.Sprintf(`<ix:nonFraction id="%s" name="%s" contextRef="%s" unitRef="usd" %s>%s</ix:nonFraction>`, id, name, ctx, attrs, text)
}

func TestInline(t *testing.T) {
	dot := `format="ixt:num-dot-decimal" decimals="-3" scale="3"`
	page := head + `<p>Cover</p><hr style="page-break-after:always"/>
<table><tr><td></td><td colspan="2">Year ended December&#160;31,</td></tr><tr><td>(in thousands)</td><td>2024</td><td>2023</td></tr>
<tr><td>Net sales (1)</td><td>$ ` + num("f1", "us-gaap:Revenues", "y", dot, "1,234") + `</td><td>–</td></tr></table>
<p style="page-break-before: always">Stone at the site was worth $` + num("f2", "q:Stone", "i", dot, "5") + ` thousand. Nothing else was.</p>
<p>` + num("f3", "q:Gone", "y", `xsi:nil="true" decimals="0"`, "") + num("f3", "q:Twice", "y", `decimals="0"`, "7") + `</p></body></html>`
	f, err := Read(context.Background(), []File{{Name: "q.htm", Body: []byte(page)}})
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]Line{}
	for i := range f.Facts {
		l := f.Line(&f.Facts[i])
		lines[l.ID] = l
	}
	f1 := lines["f1"]
	if f1.Page != 1 || f1.Heading != "Net sales (1)" || f1.Column != "Year ended December 31, | 2024" || f1.Row != "Net sales (1) $ 1,234 –" || fmt.Sprint(f1.Value) != "1234000" {
		t.Errorf("f1: %+v", f1)
	}
	if got := page[f1.Start:f1.End]; got != "1,234" || !strings.HasPrefix(page[f1.Offset:], `<ix:nonFraction id="f1"`) {
		t.Errorf("f1 is at %q", got)
	}
	f2 := lines["f2"]
	want := [][2]string{{"q:SiteAxis", "North & South"}, {"srt:ProductOrServiceAxis", "q:StoneMember"}}
	if f2.Page != 2 || !reflect.DeepEqual(f2.Dims, want) || !slices.Equal(f2.Period, []string{"2024-12-31"}) || f2.Heading != "Stone at the site was worth $5 thousand." {
		t.Errorf("f2: %+v", f2)
	}
	if l := lines["f3"]; l.Kind != "nil" || l.Value != nil {
		t.Errorf("f3: %+v", l)
	}
	if l := lines["f3~2"]; fmt.Sprint(l.Value) != "7" {
		t.Errorf("the second tag of an id: %+v", l)
	}
	if l := lines["h1"]; l.Page != doc.Hidden || l.Value != "10-K" {
		t.Errorf("h1: %+v", l)
	}
	if iri := f.Facts[slices.IndexFunc(f.Facts, func(x Fact) bool { return x.ID == "f2" })].Concept.IRI(); iri != "urn:quaestor:concept:www.quarry.example:Stone" {
		t.Errorf("concept %s", iri)
	}
	if len(f.Problems) != 1 || !strings.Contains(f.Problems[0].What, "f3") {
		t.Errorf("problems: %v", f.Problems)
	}
}

func TestInstance(t *testing.T) {
	instance := `<?xml version="1.0"?><xbrli:xbrl xmlns:xbrli="http://www.xbrl.org/2003/instance" xmlns:link="http://www.xbrl.org/2003/linkbase" xmlns:xlink="http://www.w3.org/1999/xlink"
 xmlns:iso4217="http://www.xbrl.org/2003/iso4217" xmlns:us-gaap="http://fasb.org/us-gaap/2013" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<xbrli:context id="c"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">7</xbrli:identifier></xbrli:entity><xbrli:period><xbrli:startDate>2013-01-01</xbrli:startDate><xbrli:endDate>2013-12-31</xbrli:endDate></xbrli:period></xbrli:context>
<xbrli:unit id="u"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>
<us-gaap:Revenues id="a" contextRef="c" unitRef="u" decimals="-3">1.5E6</us-gaap:Revenues>
<us-gaap:NetIncomeLoss contextRef="c" unitRef="u" decimals="0" xsi:nil="true"/>
<us-gaap:PolicyTextBlock id="p" contextRef="c">&lt;p&gt;We count &lt;b&gt;stones&lt;/b&gt;.&lt;/p&gt;</us-gaap:PolicyTextBlock>
<link:footnoteLink><link:loc xlink:href="#a" xlink:label="l"/><link:footnoteArc xlink:from="l" xlink:to="n"/><link:footnote xlink:label="n">Restated.</link:footnote></link:footnoteLink>
</xbrli:xbrl>`
	labels := `<link:linkbase xmlns:link="http://www.xbrl.org/2003/linkbase" xmlns:xlink="http://www.w3.org/1999/xlink"><link:labelLink xlink:role="r">
<link:loc xlink:href="us-gaap.xsd#us-gaap_Revenues" xlink:label="x"/><link:labelArc xlink:from="x" xlink:to="y"/>
<link:label xlink:label="y" xlink:role="http://www.xbrl.org/2003/role/label" xml:lang="en-US">Total &amp; net revenue</link:label></link:labelLink>
<link:calculationLink xlink:role="s"><link:loc xlink:href="#us-gaap_A" xlink:label="a"/><link:loc xlink:href="#us-gaap_B" xlink:label="b"/><link:calculationArc xlink:from="a" xlink:to="b" weight="-1" order="2"/></link:calculationLink></link:linkbase>`
	f, err := Read(context.Background(), []File{{Name: "i.xml", Body: []byte(instance)}, {Name: "i_lab.xml", Body: []byte(labels)}})
	if err != nil || len(f.Facts) != 3 || len(f.Problems) != 0 {
		t.Fatalf("%v, %d facts, %v", err, len(f.Facts), f.Problems)
	}
	a, n, p := f.Facts[0], f.Facts[1], f.Facts[2]
	if a.Value != "1500000" || a.Unit != "iso4217:USD" || a.Concept.String() != "us-gaap:Revenues" || !slices.Equal(a.Notes, []string{"Restated."}) || instance[a.Spans[0].Start:a.Spans[0].End] != "1.5E6" {
		t.Errorf("%+v", a)
	}
	if !n.Nil || n.Concept.Local != "NetIncomeLoss" {
		t.Errorf("%+v", n)
	}
	if p.Value != "We count stones." {
		t.Errorf("%+v", p)
	}
	if got := f.Links.Standard("us-gaap_Revenues"); got != "Total & net revenue" {
		t.Errorf("label %q", got)
	}
	if c := f.Links.Calculation; len(c) != 1 || c[0].From != "us-gaap_A" || c[0].To != "us-gaap_B" || c[0].Weight != -1 {
		t.Errorf("calculation %+v", c)
	}
}

func TestSubmission(t *testing.T) {
	s := "<SEC-DOCUMENT>0000000007-99-000001.txt\n<SEC-HEADER>\nACCESSION NUMBER:\t\t0000000007-99-000001\nCONFORMED SUBMISSION TYPE:\t10-K405\nCONFORMED PERIOD OF REPORT:\t19981231\nFILED AS OF DATE:\t\t19990331\n" +
		"\tCOMPANY DATA:\n\t\tCOMPANY CONFORMED NAME:\t\tQUARRY CO\n\t\tCENTRAL INDEX KEY:\t\t0000000007\n\t\tFISCAL YEAR END:\t\t\t1231\n</SEC-HEADER>\n" +
		"<DOCUMENT>\n<TYPE>10-K405\n<SEQUENCE>1\n<TEXT>\n\nITEM 1.  BUSINESS\n\nThe Company quarries\nstone. It sells it.\n<PAGE>\n                 Revenue      1,234\n</TEXT>\n</DOCUMENT>\n" +
		"<DOCUMENT>\n<TYPE>GRAPHIC\n<FILENAME>a.jpg\n<TEXT>\nbegin 644 a.jpg\n</TEXT>\n</DOCUMENT>\n"
	if !IsSubmission([]byte(s)) {
		t.Fatal("not recognised")
	}
	h, files := Split([]byte(s))
	want := Header{Accession: "0000000007-99-000001", Form: "10-K405", PeriodEnd: "1998-12-31", Filed: "1999-03-31", Company: "QUARRY CO", CIK: "0000000007", FiscalEnd: "--12-31"}
	if !reflect.DeepEqual(h, want) || len(files) != 1 {
		t.Fatalf("%+v, %d files", h, len(files))
	}
	f, err := Read(context.Background(), files)
	if err != nil {
		t.Fatal(err)
	}
	tree := f.Files[0].Tree
	if len(tree.Pages) != 2 || !strings.Contains(tree.PageText(1), "Revenue") || !strings.Contains(tree.Text, "The Company quarries stone.") {
		t.Errorf("%d pages: %q", len(tree.Pages), tree.Text)
	}
	var sections []string
	for n := range tree.Nodes {
		if tree.Nodes[n].Kind == doc.Heading {
			sections = append(sections, tree.Str(n))
		}
	}
	if !slices.Equal(sections, []string{"ITEM 1. BUSINESS"}) {
		t.Errorf("sections %q", sections)
	}
}

// FuzzRead: no bytes make the reader panic, and what it returns keeps its
// promises: spans lie in the file, trees encode, texts map to bytes.
func FuzzRead(f *testing.F) {
	f.Add([]byte(head + `<p>` + num("f1", "us-gaap:Revenues", "y", `format="ixt:num-dot-decimal" scale="3"`, "1,234") + `</p></body></html>`))
	f.Add([]byte("<table><tr><td rowspan=3>a<td>b<tr><td>c<table><td>d</table></table><p>e<li>f"))
	f.Add([]byte("<html><body><ix:nonFraction name='a:b'><ix:continuation id=1 continuedAt=1>x</body>"))
	f.Add([]byte("ITEM 1. A\n\n<PAGE>\nb\xff\x92 c.  D e.\n\f"))
	f.Add([]byte("<?xml version='1.0'?><xbrl xmlns='http://www.xbrl.org/2003/instance'><context id='c'><a:b contextRef='c' unitRef='u'>1e3"))
	f.Fuzz(func(t *testing.T, body []byte) {
		fl, err := Read(context.Background(), []File{{Name: "x", Body: body}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range fl.Facts {
			fl.Line(&fl.Facts[i])
			for _, s := range fl.Facts[i].Spans {
				if s.Start < 0 || s.End < s.Start || s.End > int64(len(body)) {
					t.Errorf("span %+v of %d bytes", s, len(body))
				}
			}
		}
		for _, p := range fl.Files {
			if p.Tree == nil {
				continue
			}
			tr, err := doc.Decode(p.Tree.Encode())
			if err != nil {
				t.Fatalf("%v: %+v", err, p.Tree)
			}
			if !bytes.Equal(tr.Encode(), p.Tree.Encode()) {
				t.Error("another tree comes back")
			}
			for n := range tr.Nodes {
				start, end := tr.Bytes(int(tr.Nodes[n].From), int(tr.Nodes[n].To))
				if start < 0 || end < start || end > int64(len(body)) {
					t.Errorf("node %d: bytes %d-%d of %d", n, start, end, len(body))
				}
			}
		}
	})
}
