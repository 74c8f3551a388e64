package draft

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/reasoning/constrain"
	"github.com/quaestor-kg/quaestor/reasoning/link"
)

// office is a small company: people in departments, who manage and report, with
// salaries, and buildings in cities.
const office = `
@prefix : <http://example.com/k/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
:ann a :Employee ; rdfs:label "Ann Berg" ; :worksIn :sales ; :salary 5000 ; :bonus 200 ; :hireDate "2010-03-01"^^xsd:date ; :reportsTo :bob ; :mentor :bob ; :speaks :en, :fr .
:bob a :Employee ; rdfs:label "Bob Cole" ; :worksIn :sales ; :salary 7000 ; :bonus 900 ; :hireDate "2005-07-15"^^xsd:date ; :reportsTo :eve ; :mentor :cid ; :speaks :en .
:cid a :Employee ; rdfs:label "Cid Dorn" ; :worksIn :lab ; :salary 6000 ; :bonus 100 ; :hireDate "2015-01-20"^^xsd:date ; :reportsTo :eve ; :mentor :eve ; :speaks :en, :fr, :de .
:eve a :Manager ; rdfs:label "Eve Falk" ; :worksIn :lab ; :salary 9000 ; :bonus 1500 ; :hireDate "2001-02-03"^^xsd:date ; :speaks :de .
:sales a :Department ; rdfs:label "Sales Unit" ; :locatedIn :rome ; :budget 100000 .
:lab a :Department ; rdfs:label "Research Lab" ; :locatedIn :oslo ; :budget 250000 .
:rome a :City ; rdfs:label "Rome City" . :oslo a :City ; rdfs:label "Oslo City" .
:en rdfs:label "English" . :fr rdfs:label "French" . :de rdfs:label "German" .
`

func officeGenerator(t testing.TB) (*Generator, *link.Linker) {
	t.Helper()
	st := mem.New()
	ctx := context.Background()
	if _, err := st.Load(ctx, rdf.Read(ctx, strings.NewReader(office), rdf.ReadOptions{Format: rdf.Turtle})); err != nil {
		t.Fatal(err)
	}
	snap, err := st.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	g, err := constrain.Open(ctx, snap, constrain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return New(g, nil), link.New(g)
}

// TestForms asks one question of each form: its query is among the drafts that
// are kept, and every kept draft has an answer or is a yes or no or a count.
func TestForms(t *testing.T) {
	gen, l := officeGenerator(t)
	for question, want := range map[string]string{
		"who works in the Sales Unit":                                        "[1] < works in",
		"where is the department that Ann Berg works in":                     "[1] > works in > located in",
		"which employees report to Eve Falk":                                 "[1] < reports to : employee",
		"how many employees work in the Research Lab":                        "[1] < works in : employee count",
		"which employee has the highest salary":                              "{employee} max salary",
		"who is the employee with the second highest salary":                 "{employee} max @2 salary",
		"the two employees with the lowest salary":                           "{employee} min #2 salary",
		"which department has the most employees":                            "{department} # max < works in {employee}",
		"which employee speaks the most languages":                           "{employee} # max > speaks",
		"which employees speak at least 2 languages":                         "{employee} # >= 2 > speaks",
		"which employees have a salary of at least 6000":                     "{employee} where salary >= 6000",
		"employees with a salary between 5500 and 6500":                      "{employee} where salary >= 5500 where salary <= 6500",
		"employees with a hire date after 2012":                              "{employee} where hire date > 2012",
		"which employees have a higher salary than Cid Dorn":                 "{employee} where salary > [1]",
		"which employees speak more than one language":                       "{employee} # > 1 > speaks",
		"does Ann Berg have a higher salary than Bob Cole":                   "[1] where salary > [2] = [1]",
		"who has the higher salary Ann Berg or Bob Cole":                     "[1] ~ [2] max salary",
		"what is the difference between the salary of Bob Cole and Ann Berg": "[1] - salary [2]",
		"who works in the Sales Unit or the Research Lab":                    "[1] < works in ~ > works in [2]",
		"which languages do Ann Berg or Eve Falk speak":                      "[1] ~ [2] > speaks",
		"list all employees and their salary":                                "{employee} , > salary",
		"how many employees are there for each department":                   "{employee} ; > works in count",
		"average salary of employees by department":                          "{employee} ; > works in avg salary",
		"what is the ratio of bonus to salary of Ann Berg":                   "[1] ( bonus / salary )",
		"which employees have the same mentor and reports to":                "{employee} @ > mentor < reports to",
		"who reports directly or indirectly to Eve Falk":                     "[1] << reports to",
		"average salary of the employees":                                    "{employee} avg salary",
		"which employees do not speak French":                                "{employee} ! > speaks [1]",
		"is Ann Berg in the Sales Unit":                                      "[1] > works in = [2]",
	} {
		q, err := l.Link(question)
		if err != nil {
			t.Fatal(err)
		}
		ds, err := gen.Drafts(context.Background(), q, Options{})
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(ds, func(d Draft) bool { return d.Text == want })
		if at < 0 {
			all, _ := gen.Drafts(context.Background(), q, Options{Keep: 1 << 20})
			t.Errorf("%q (%s): %q is not among the %d drafts; enumerated: %v; first %q", question, q.Prompt, want, len(ds), slices.ContainsFunc(all, func(d Draft) bool { return d.Text == want }), ds[0].Text)
		}
		seen := map[string]bool{}
		for _, d := range ds {
			if seen[d.Text] {
				t.Errorf("%q: %q twice", question, d.Text)
			}
			seen[d.Text] = true
			res, err := gen.Graph().Eval(context.Background(), d.Pipeline)
			if err != nil {
				t.Errorf("%q: %q: %v", question, d.Text, err)
			}
			filter := slices.ContainsFunc(d.Pipeline.Ops, func(op constrain.Op) bool { return op.Kind == constrain.Where })
			if res.Empty() && !filter {
				t.Errorf("%q: %q has no answer", question, d.Text)
			}
		}
	}
}

// TestQuotas: with many forms in the pool short chains are kept.
func TestQuotas(t *testing.T) {
	gen, l := officeGenerator(t)
	q, err := l.Link("how many employees per department does Ann Berg or Bob Cole have and their salary of at least two")
	if err != nil {
		t.Fatal(err)
	}
	ds, err := gen.Drafts(context.Background(), q, Options{Keep: 24})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[Shape]int{}
	for _, d := range ds {
		kinds[d.Shape]++
	}
	if len(ds) > 30 || kinds[OneStep] < 5 || kinds[TwoSteps] == 0 || kinds[Tabled] == 0 || kinds[Other] == 0 || kinds[Paired] == 0 {
		t.Errorf("%d drafts: %v", len(ds), kinds)
	}
}

func TestJoinJudges(t *testing.T) {
	gen, l := officeGenerator(t)
	q, err := l.Link("which department has the most employees")
	if err != nil {
		t.Fatal(err)
	}
	var written []constrain.Pipeline
	for _, text := range []string{"{department} # max < works in", "{department} , > budget", "{city} # min < located in", "{department} @ > located in < located in", "{nothing} > x"} {
		p, err := constrain.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, p)
	}
	ds, err := gen.Join(context.Background(), q, nil, written)
	if err != nil || len(ds) != 1 || ds[0].Text != "{department} # max < works in" {
		t.Errorf("%v %+v", err, ds)
	}
}

func TestSmallNumbers(t *testing.T) {
	_, l := officeGenerator(t)
	q, err := l.Link("the 2nd or third of the five departments in 2014 with one chief and more than one clerk")
	if err != nil {
		t.Fatal(err)
	}
	if got := SmallNumbers(q); !slices.Equal(got, []string{"2", "3", "5", "1"}) {
		t.Error(got)
	}
}
