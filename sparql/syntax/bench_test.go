package syntax

import (
	"strings"
	"testing"
)

const benchQuery = `PREFIX foaf: <http://xmlns.com/foaf/0.1/>
PREFIX ex: <http://example.org/ns#>
SELECT ?name (COUNT(DISTINCT ?friend) AS ?friends) (AVG(?age) AS ?mean)
WHERE {
  ?p a foaf:Person ; foaf:name ?name ; foaf:knows+ ?friend .
  ?friend ex:age ?age .
  OPTIONAL { ?friend ex:city/ex:country ?country FILTER(?country != ex:Nowhere) }
  FILTER(?age >= 18 && ?age < 65.5 || REGEX(?name, "^A.*n$", "i"))
  FILTER NOT EXISTS { ?friend ex:blocked ?p }
  VALUES ?kind { ex:A ex:B "c"@en 4 }
}
GROUP BY ?name HAVING(COUNT(*) > 2) ORDER BY DESC(?friends) ?name LIMIT 20`

func BenchmarkParseQuery(b *testing.B) {
	b.SetBytes(int64(len(benchQuery)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseQuery(benchQuery, ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseInsertData(b *testing.B) {
	text := "PREFIX ex: <http://example.org/ns#>\nINSERT DATA {\n" +
		strings.Repeat("ex:subject a ex:Thing ; ex:label \"some label\"@en ; ex:size 42 , 4.5 .\n", 2000) + "}"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseUpdate(text, ""); err != nil {
			b.Fatal(err)
		}
	}
}
