package sparql_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/quaestor-kg/quaestor/kg/mem"
	"github.com/quaestor-kg/quaestor/kg/rdf"
	"github.com/quaestor-kg/quaestor/sparql"
)

func Example() {
	ctx := context.Background()
	st := mem.New()
	defer st.Close()
	data := `@prefix : <http://ex.example/> . :Alien :directedBy :Scott . :Blade :directedBy :Scott . :Scott :born 1937 .`
	if _, err := st.Load(ctx, rdf.Read(ctx, strings.NewReader(data), rdf.ReadOptions{Format: rdf.Turtle})); err != nil {
		fmt.Println(err)
		return
	}
	snap, err := st.Snapshot()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer snap.Close()
	q, err := sparql.New(sparql.Options{}).Prepare(`PREFIX : <http://ex.example/>
		SELECT ?who (COUNT(?film) AS ?films) { ?film :directedBy ?who } GROUP BY ?who`, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := q.Run(ctx, snap, sparql.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Close()
	for row, err := range res.Rows() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(row[0], row[1].Value)
	}
	// Output: <http://ex.example/Scott> 2
}
