package constrain

import (
	"iter"
	"math"
	"slices"
	"sort"

	"github.com/quaestor-kg/quaestor/kg"
)

// Node is the number of a node in one Graph: an index into its tables. Nodes
// are the subjects and objects of statements, literals included.
type Node = uint32

// RD is a relation with a direction: 2*relation for ">", 2*relation+1 for "<".
type RD = uint32

// ValueKind says what the values of a relation can be compared as.
type ValueKind uint8

// Kinds of value. A relation has a kind if at least 80 % of its values do.
const (
	NoValue ValueKind = iota
	NumberValue
	DateValue
)

// Relation is everything that is written under one name: usually one
// predicate, sometimes several that share a label.
type Relation struct {
	Name  string // as written in pipelines; see SchemaName
	Label string // as shown
	Preds []kg.ID
	Edges int
	Kind  ValueKind
	// Datatype is the datatype of the dates of a DateValue relation; values of
	// other datatypes do not take part in comparisons.
	Datatype string
}

// Class is everything that is written under one class name.
type Class struct {
	Name      string
	Label     string
	IDs       []kg.ID
	Instances []Node // sorted
}

// Options of Open. The zero value is right for most graphs.
type Options struct {
	// TypePredicates are predicates that say what a thing is, beside rdf:type.
	// Nil means: find them by name (instance of, is a, P31).
	TypePredicates []string
	// LabelPredicates are predicates whose values are names, best first, tried
	// before the common ones (rdfs:label, skos:prefLabel, foaf:name, ...).
	LabelPredicates []string
	// Lang is the preferred language of labels; default "en".
	Lang string
	// MaxQuads limits the graphs a view is built of; default 40 million. A view
	// takes about 40 bytes a quad and 100 bytes a node.
	MaxQuads int64
}

// Graph is the view of a snapshot in which pipelines are written: numbered
// nodes, adjacency in both directions, names, classes and kinds of values. It
// is immutable and safe for concurrent use. It reads all graphs of the
// snapshot as one.
type Graph struct {
	snap    kg.Snapshot
	version uint64

	ids    []kg.ID  // node -> id, ascending
	labels []string // node -> label as shown

	rels   []Relation
	relIdx map[string]int

	classes  []Class
	classIdx map[string]int
	// node -> class numbers, in compressed sparse rows.
	clsOff []uint32
	cls    []uint32

	// node -> edges in compressed sparse rows; an edge is rd<<32 | neighbour,
	// ascending within a node.
	off []uint32
	adj []uint64

	// Nodes with the same set of RDs share a characteristic set.
	charset  []uint32
	charsets [][]RD

	values []float64 // node -> number, or days since 1970 of a date; NaN for others
	vtype  []uint8   // node -> index into literal.DateTypes + 1, 0 for numbers and others

	names nameIndex
	pins  map[string][]Node // see With

	typePreds  []kg.ID
	labelPreds []kg.ID
}

// Version is the version of the snapshot the graph shows.
func (g *Graph) Version() uint64 { return g.version }

// Snapshot is the snapshot the graph shows.
func (g *Graph) Snapshot() kg.Snapshot { return g.snap }

// Nodes is the number of nodes.
func (g *Graph) Nodes() int { return len(g.ids) }

// Edges is the number of distinct statements that are edges.
func (g *Graph) Edges() int { return len(g.adj) / 2 }

// ID returns the id of a node in the snapshot.
func (g *Graph) ID(n Node) kg.ID { return g.ids[n] }

// Number returns the node of an id, and false if it is in no edge.
func (g *Graph) Number(id kg.ID) (Node, bool) {
	i, ok := slices.BinarySearch(g.ids, id)
	return Node(i), ok
}

// Label returns the text that is shown for a node.
func (g *Graph) Label(n Node) string { return g.labels[n] }

// Degree is the number of edges of a node, in both directions.
func (g *Graph) Degree(n Node) int { return int(g.off[n+1] - g.off[n]) }

// IsLiteral reports whether the node is a literal.
func (g *Graph) IsLiteral(n Node) bool { return g.ids[n].IsLiteral() }

// Value returns the number of a numeric literal, or the days since 1970 of a
// date; ok is false for other nodes.
func (g *Graph) Value(n Node) (v float64, ok bool) {
	v = g.values[n]
	return v, !math.IsNaN(v)
}

// Relations returns all relations; their index is their number.
func (g *Graph) Relations() []Relation { return g.rels }

// Relation returns the number of a relation name.
func (g *Graph) Relation(name string) (int, bool) {
	i, ok := g.relIdx[name]
	return i, ok
}

// Classes returns all classes; their index is their number.
func (g *Graph) Classes() []Class { return g.classes }

// Class returns the number of a class name.
func (g *Graph) Class(name string) (int, bool) {
	i, ok := g.classIdx[name]
	return i, ok
}

// ClassesOf returns the numbers of the classes of a node.
func (g *Graph) ClassesOf(n Node) []uint32 { return g.cls[g.clsOff[n]:g.clsOff[n+1]] }

// RDsOf returns the relations of a node with their directions, ascending.
func (g *Graph) RDsOf(n Node) []RD { return g.charsets[g.charset[n]] }

// Neighbours yields the neighbours of a node over one relation and direction.
func (g *Graph) Neighbours(n Node, rd RD) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for _, e := range g.row(n, rd) {
			if !yield(Node(e)) {
				return
			}
		}
	}
}

// row returns the edges of a node over one rd.
func (g *Graph) row(n Node, rd RD) []uint64 {
	row := g.adj[g.off[n]:g.off[n+1]]
	lo := sort.Search(len(row), func(i int) bool { return RD(row[i]>>32) >= rd })
	row = row[lo:]
	hi := sort.Search(len(row), func(i int) bool { return RD(row[i]>>32) > rd })
	return row[:hi]
}

// TypePredicates are the predicates that say what a thing is.
func (g *Graph) TypePredicates() []kg.ID { return g.typePreds }
