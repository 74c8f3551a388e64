package graphqlapi

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
)

const films = `
@prefix : <http://x/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:Film rdfs:label "film" . :Person rdfs:label "person" .
:alien a :Film ; rdfs:label "Alien"@en , "Alien – Das unheimliche Wesen"@de ; :directedBy :scott ; :year 1979 ; :budget 11000000000000000000 ; :rating 8.5e0 ; :seen true .
:blade a :Film ; rdfs:label "Blade Runner"@en ; :directedBy :scott ; :year 1982 ; :starring :ford , :hauer .
:heat a :Film ; rdfs:label "Heat"@en ; :directedBy :mann ; :year 1995 .
:scott a :Person ; rdfs:label "Ridley Scott" . :mann a :Person ; rdfs:label "Michael Mann" .
:ford a :Person ; rdfs:label "Harrison Ford" . :hauer a :Person ; rdfs:label "Rutger \"Hauer\"" .
`

func server(t *testing.T) *httptest.Server {
	t.Helper()
	st := mem.New()
	if _, err := st.Load(t.Context(), rdf.Read(t.Context(), strings.NewReader(films), rdf.ReadOptions{Format: rdf.Turtle})); err != nil {
		t.Fatal(err)
	}
	svc, err := api.New(api.Options{Store: st, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(New(svc, func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), api.Classify(err).Status)
	}))
	t.Cleanup(srv.Close)
	return srv
}

type reply struct {
	Data       json.RawMessage
	Errors     []struct{ Message string }
	Extensions struct{ SPARQL []string }
}

func post(t *testing.T, srv *httptest.Server, query string, vars map[string]any) (int, reply) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(srv.URL+"/graphql", "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var r reply
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("status %d: %v\n%s", res.StatusCode, err, b)
	}
	return res.StatusCode, r
}

// TestSelections: each query gives the data, and takes one SPARQL query.
func TestSelections(t *testing.T) {
	srv := server(t)
	for name, c := range map[string]struct {
		query, want string
		vars        map[string]any
	}{
		"nested": {query: `{ filmList(orderBy: "label") { label directedBy { label } starring { id label } } }`,
			want: `{"filmList":[{"directedBy":[{"label":"Ridley Scott"}],"label":"Alien","starring":[]},` +
				`{"directedBy":[{"label":"Ridley Scott"}],"label":"Blade Runner","starring":[{"id":"http://x/ford","label":"Harrison Ford"},{"id":"http://x/hauer","label":"Rutger \"Hauer\""}]},` +
				`{"directedBy":[{"label":"Michael Mann"}],"label":"Heat","starring":[]}]}`},
		"numbers": {query: `{ entity(id: "http://x/alien") { year budget rating seen } }`,
			want: `{"entity":{"budget":["11000000000000000000"],"rating":[8.5],"seen":[true],"year":[1979]}}`},
		"language": {query: `{ entity(id: "http://x/alien") { en: label de: label(lang: ["de", "*"]) fr: label(lang: "fr") } }`,
			want: `{"entity":{"de":"Alien – Das unheimliche Wesen","en":"Alien","fr":null}}`},
		"filter": {query: `query($y: Literal) { filmList(where: {year: {gt: $y}, directedBy: {contains: "scott"}}) { label } }`,
			vars: map[string]any{"y": 1980}, want: `{"filmList":[{"label":"Blade Runner"}]}`},
		"or, not": {query: `{ filmList(orderBy: "-year", where: {or: [{year: {eq: 1995}}, {not: {starring: {exists: true}}}]}) { label } }`,
			want: `{"filmList":[{"label":"Heat"},{"label":"Alien"}]}`},
		"inverse": {query: `{ entity(id: "http://x/scott") { directedBy_of(limit: 1) { label } } }`,
			want: `{"entity":{"directedBy_of":[{"label":"Alien"}]}}`},
		"fragment and directive": {query: `query($no: Boolean = false) { filmList(limit: 1, orderBy: "year") { ...f  year @include(if: $no) } } fragment f on Film { label __typename }`,
			want: `{"filmList":[{"__typename":"Film","label":"Alien"}]}`},
		"paging": {query: `{ filmList(limit: 1, offset: 1, orderBy: "year") { label } }`, want: `{"filmList":[{"label":"Blade Runner"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			code, r := post(t, srv, c.query, c.vars)
			if code != 200 || len(r.Errors) > 0 {
				t.Fatalf("status %d, errors %v", code, r.Errors)
			}
			var got, want any
			if err := json.Unmarshal(r.Data, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got  %s\nwant %s\n%s", r.Data, c.want, strings.Join(r.Extensions.SPARQL, "\n"))
			}
			if n := len(r.Extensions.SPARQL); n != 1 {
				t.Errorf("%d SPARQL queries, want 1", n)
			}
		})
	}
}

// TestRefused: what is too deep, too large or wrong is refused before it can
// take time. Validating 5,000 levels would take graphql-go 40 s.
func TestRefused(t *testing.T) {
	srv := server(t)
	deep := strings.Repeat("directedBy_of { directedBy { ", 2500) + "id" + strings.Repeat(" }", 5000)
	doubling := "{ entity(id: \"x\") { ...f0 } }"
	for i := range 18 {
		doubling += fmt.Sprintf(" fragment f%d on Entity { a%d: label ...f%d b%d: label ...f%d }", i, i, i+1, i, i+1)
	}
	doubling += " fragment f18 on Entity { id }"
	for name, c := range map[string]struct {
		query string
		code  int
		say   string
	}{
		"deep":           {`{ entity(id: "x") { ` + deep + ` } }`, 422, "levels deep"},
		"doubling":       {doubling, 422, "more than"},
		"cycle":          {`{ entity(id: "x") { ...a } } fragment a on Entity { ...b } fragment b on Entity { ...a }`, 422, "contains itself"},
		"unknown field":  {`{ entity(id: "x") { nothing } }`, 422, "nothing"},
		"syntax":         {`{ entity(`, 400, "Syntax"},
		"no such limit":  {`{ filmList(limit: 100000) { id } }`, 422, "limit"},
		"order by wrong": {`{ filmList(orderBy: "nothing") { id } }`, 422, "orderBy"},
	} {
		t.Run(name, func(t *testing.T) {
			code, r := post(t, srv, c.query, nil)
			if code != c.code || len(r.Errors) == 0 || !strings.Contains(fmt.Sprint(r.Errors), c.say) {
				t.Errorf("status %d, errors %v; want %d, %q", code, r.Errors, c.code, c.say)
			}
		})
	}
}

// TestInjection: values of a where argument stay values.
func TestInjection(t *testing.T) {
	srv := server(t)
	evil := `" } DELETE { ?s ?p ?o } #`
	for _, q := range []string{
		`query($v: Literal) { filmList(where: {label: {eq: $v}}) { id } }`,
		`query($v: String) { filmList(where: {label: {contains: $v}}) { id } }`,
	} {
		code, r := post(t, srv, strings.ReplaceAll(q, "Literal)", "Literal)"), map[string]any{"v": evil})
		if code != 200 || string(r.Data) != `{"filmList":[]}` {
			t.Errorf("status %d, %s, %v", code, r.Data, r.Errors)
		}
	}
	if code, r := post(t, srv, `{ entity(id: "http://x/a> } DROP ALL #") { id } }`, nil); code >= 500 {
		t.Errorf("status %d, %v", code, r.Errors)
	}
}

func TestHTTP(t *testing.T) {
	srv := server(t)
	get := func(path string, header ...string) (int, string, string) {
		req, err := http.NewRequest("GET", srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(header) > 0 {
			req.Header.Set("Accept", header[0])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, res.Header.Get("Content-Type"), string(b)
	}
	q := url.QueryEscape(`{ entity(id: "http://x/heat") { label } }`)
	if code, ct, body := get("/graphql?query="+q, "application/graphql-response+json"); code != 200 || !strings.HasPrefix(ct, "application/graphql-response+json") || !strings.Contains(body, "Heat") {
		t.Errorf("GET: %d %s %s", code, ct, body)
	}
	if code, _, _ := get("/graphql?query="+q, "text/html"); code != 406 {
		t.Errorf("Accept text/html: %d, want 406", code)
	}
	if code, _, _ := get("/graphql?query=" + url.QueryEscape("mutation { x }")); code != 405 {
		t.Errorf("mutation by GET: %d, want 405", code)
	}
	if code, _, body := get("/graphql/schema"); code != 200 || !strings.Contains(body, "type Film {") || !strings.Contains(body, "http://x/directedBy") {
		t.Errorf("schema: %d %s", code, body)
	}
	if code, r := post(t, srv, `{ __schema { queryType { name } types { name } } }`, nil); code != 200 || len(r.Extensions.SPARQL) != 0 {
		t.Errorf("introspection: %d %v", code, r)
	}
}
