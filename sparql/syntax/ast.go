package syntax

import (
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/sparql/syntax/lex"
)

// Pos is a place in the text. Line and Col count from 1, Col in characters;
// Offset counts bytes from 0. Nodes that were not parsed have the zero Pos.
type Pos = lex.Pos

// Error is a syntax error.
type Error = lex.Error

// Node is any node of the tree. String writes it in SPARQL syntax.
type Node interface {
	Position() Pos
	String() string
}

// Form tells the four kinds of query apart.
type Form uint8

// Query forms.
const (
	Select Form = iota
	Ask
	Construct
	Describe
)

// Prefix is one PREFIX declaration, with its IRI resolved.
type Prefix struct{ Name, IRI string }

// Prologue is what was declared before a query or an operation.
type Prologue struct {
	// Base is the base IRI in force, from BASE or from the caller; IRI() resolves
	// against it.
	Base string
	// Prefixes are in the order of their first declaration, one entry per name.
	Prefixes []Prefix
	// Version is the last VERSION declared, or empty.
	Version string
}

// Query is a query or, inside a SubSelect, a sub-query. Which fields matter
// depends on the form; the others are zero.
type Query struct {
	Pos
	Prologue             // empty in a sub-query
	Form      Form       //
	Distinct  bool       // SELECT DISTINCT
	Reduced   bool       // SELECT REDUCED
	Star      bool       // SELECT * or DESCRIBE *
	Project   []Project  // SELECT, unless Star
	Template  []*Triple  // CONSTRUCT; of the short form, a copy of the pattern
	Targets   []TermNode // DESCRIBE, unless Star: *Var or *Const
	Dataset   []*Source  // FROM and FROM NAMED; empty in a sub-query
	Where     *Group     // nil only for DESCRIBE without pattern
	GroupBy   []*GroupKey
	Having    []Expr
	OrderBy   []*OrderKey
	Limit     int64   // -1: none
	Offset    int64   // 0: none
	Values    *Values // trailing VALUES block, or nil
	Aggregate bool    // GROUP BY, HAVING or any aggregate: solutions are grouped
}

// Project is one column: a variable, or an expression AS a variable.
type Project struct {
	Var  *Var
	Expr Expr // nil: just the variable
}

// Source is a FROM, FROM NAMED, USING or USING NAMED clause.
type Source struct {
	Pos
	Named bool
	IRI   string
}

// GroupKey is one condition of GROUP BY.
type GroupKey struct {
	Pos
	Expr Expr // never nil; a *Var for GROUP BY ?x
	As   *Var // nil without AS
}

// OrderKey is one condition of ORDER BY.
type OrderKey struct {
	Pos
	Expr Expr
	Desc bool
}

// TermNode is a position in a triple: *Var, *Const or *TripleTerm.
type TermNode interface {
	Expr
	termNode()
}

// Var is a variable. Its name has neither "?" nor "$".
type Var struct {
	Pos
	Name string
}

// Const is an RDF term: an IRI, a literal or, in patterns and templates, a
// blank node. In a pattern a blank node is a variable whose name cannot be
// projected; labels that the parser made up differ from all written ones.
type Const struct {
	Pos
	Term kg.Term
}

// TripleTerm is <<( s p o )>>. One without variables and blank nodes may also
// be met as a Const, in VALUES rows only.
type TripleTerm struct {
	Pos
	S, P, O TermNode
}

// Triple is a triple pattern, a path pattern, or a triple of a template or of
// data. In templates and data P is a *Var or a *Const.
type Triple struct {
	Pos
	S TermNode
	P Path
	O TermNode
}

// Path is a property path: *Var or *Const (an IRI) for a plain predicate, or
// *PathInverse, *PathSeq, *PathAlt, *PathRepeat, *PathNot.
type Path interface {
	Node
	path()
}

// PathInverse is ^p.
type PathInverse struct {
	Pos
	Path Path
}

// PathSeq is p1/p2/..., at least two.
type PathSeq struct {
	Pos
	Paths []Path
}

// PathAlt is p1|p2|..., at least two.
type PathAlt struct {
	Pos
	Paths []Path
}

// PathRepeat is p*, p+ or p?.
type PathRepeat struct {
	Pos
	Path Path
	Op   byte // '*', '+' or '?'
}

// PathNot is !(p|^q|...), a negated property set.
type PathNot struct {
	Pos
	Forward, Inverse []*Const
}

// Pattern is an element of a group graph pattern: *Triples, *Group, *Optional,
// *Union, *Minus, *Graph, *Service, *Filter, *Bind, *Values or *SubSelect.
type Pattern interface {
	Node
	pattern()
}

// Group is { ... }. A filter applies to the whole group. Triples around a
// filter are separate elements but belong to one basic graph pattern.
type Group struct {
	Pos
	Elems []Pattern
}

// Triples is a run of triples.
type Triples struct {
	Pos
	Triples []*Triple
}

// Optional is OPTIONAL { ... }.
type Optional struct {
	Pos
	Group *Group
}

// Union is { ... } UNION { ... } ..., at least two.
type Union struct {
	Pos
	Groups []*Group
}

// Minus is MINUS { ... }.
type Minus struct {
	Pos
	Group *Group
}

// Graph is GRAPH name { ... }. Name is a *Var or a *Const.
type Graph struct {
	Pos
	Name  TermNode
	Group *Group
}

// Service is SERVICE name { ... }. Name is a *Var or a *Const.
type Service struct {
	Pos
	Silent bool
	Name   TermNode
	Group  *Group
}

// Filter is FILTER constraint.
type Filter struct {
	Pos
	Expr Expr
}

// Bind is BIND(expression AS ?variable).
type Bind struct {
	Pos
	Expr Expr
	Var  *Var
}

// Values is inline data. Every row has the length of Vars; None is UNDEF.
type Values struct {
	Pos
	Vars []*Var
	Rows [][]kg.Term
}

// SubSelect is { SELECT ... }, the only element of its group.
type SubSelect struct {
	Pos
	Query *Query
}

// Expr is an expression: *Var, *Const, *TripleTerm, *Logic, *Binary, *Unary,
// *In, *Call, *IRICall, *Exists or *Aggregate.
type Expr interface {
	Node
	expr()
}

// Logic is a || b || ... or a && b && ..., at least two.
type Logic struct {
	Pos
	And  bool // false: ||
	Args []Expr
}

// BinaryOp is a comparison or an arithmetic operator.
type BinaryOp uint8

// Binary operators.
const (
	Eq  BinaryOp = iota // =
	Ne                  // !=
	Lt                  // <
	Gt                  // >
	Le                  // <=
	Ge                  // >=
	Add                 // +
	Sub                 // -
	Mul                 // *
	Div                 // /
)

// Binary is a comparison or an arithmetic operation.
type Binary struct {
	Pos
	Op   BinaryOp
	L, R Expr
}

// Unary is !x, +x or -x.
type Unary struct {
	Pos
	Op byte // '!', '+' or '-'
	X  Expr
}

// In is x IN (...) or x NOT IN (...).
type In struct {
	Pos
	X    Expr
	Not  bool
	List []Expr
}

// Call is a built-in function. Name is upper case, with the synonyms URI and
// ISURI replaced by IRI and ISIRI. The argument of BOUND is a *Var. The number
// of arguments has been checked (Builtins).
type Call struct {
	Pos
	Name string
	Args []Expr
}

// IRICall is a function named by an IRI: a cast or an extension. Distinct is
// allowed by the grammar for custom aggregates.
type IRICall struct {
	Pos
	IRI      string
	Distinct bool
	Args     []Expr
}

// Exists is EXISTS { ... } or NOT EXISTS { ... }.
type Exists struct {
	Pos
	Not   bool
	Group *Group
}

// Aggregate is COUNT, SUM, MIN, MAX, AVG, SAMPLE or GROUP_CONCAT.
type Aggregate struct {
	Pos
	Name      string // upper case
	Distinct  bool
	Arg       Expr   // nil: COUNT(*)
	Separator string // GROUP_CONCAT; a space if the text gives none
}

// Update is a sequence of operations.
type Update struct {
	Pos
	Operations []Operation
	// Prologues has, for each operation, the declarations in force there.
	Prologues []Prologue
}

// Operation is *InsertData, *DeleteData, *DeleteWhere, *Modify, *Load, *Clear,
// *Create or *Transfer.
type Operation interface {
	Node
	operation()
}

// Quad is a triple of data or of a template in a graph; a nil Graph is the
// default graph (of WITH, if there is one).
type Quad struct {
	Graph  TermNode // nil, *Var or *Const
	Triple *Triple
}

// InsertData is INSERT DATA. There are no variables.
type InsertData struct {
	Pos
	Quads []Quad
}

// DeleteData is DELETE DATA. There are neither variables nor blank nodes.
type DeleteData struct {
	Pos
	Quads []Quad
}

// DeleteWhere is DELETE WHERE: the quads are pattern and template in one.
type DeleteWhere struct {
	Pos
	Quads []Quad
}

// Modify is [WITH] [DELETE {...}] [INSERT {...}] [USING ...] WHERE {...}.
type Modify struct {
	Pos
	With   string // empty: none
	Delete []Quad // no blank nodes
	Insert []Quad
	Using  []*Source
	Where  *Group
	// HasDelete and HasInsert tell an empty clause from a missing one.
	HasDelete, HasInsert bool
}

// Load is LOAD [SILENT] <source> [INTO GRAPH <into>].
type Load struct {
	Pos
	Silent bool
	Source string
	Into   string // empty: the default graph
}

// TargetKind tells the targets of graph management apart.
type TargetKind uint8

// Target kinds.
const (
	TargetIRI TargetKind = iota
	TargetDefault
	TargetNamed // all named graphs; CLEAR and DROP only
	TargetAll   // CLEAR and DROP only
)

// Target is GRAPH <iri>, DEFAULT, NAMED or ALL.
type Target struct {
	Kind TargetKind
	IRI  string
}

// Clear is CLEAR or, with Drop set, DROP.
type Clear struct {
	Pos
	Drop   bool
	Silent bool
	Target Target
}

// Create is CREATE [SILENT] GRAPH <iri>.
type Create struct {
	Pos
	Silent bool
	IRI    string
}

// TransferKind is ADD, MOVE or COPY.
type TransferKind uint8

// Transfers.
const (
	AddGraph TransferKind = iota
	MoveGraph
	CopyGraph
)

// Transfer is ADD, MOVE or COPY [SILENT] from TO to; targets are TargetIRI or
// TargetDefault.
type Transfer struct {
	Pos
	Kind     TransferKind
	Silent   bool
	From, To Target
}

// The marker methods close the interfaces.

func (*Var) termNode()        {}
func (*Const) termNode()      {}
func (*TripleTerm) termNode() {}

func (*Var) path()         {}
func (*Const) path()       {}
func (*PathInverse) path() {}
func (*PathSeq) path()     {}
func (*PathAlt) path()     {}
func (*PathRepeat) path()  {}
func (*PathNot) path()     {}

func (*Triples) pattern()   {}
func (*Group) pattern()     {}
func (*Optional) pattern()  {}
func (*Union) pattern()     {}
func (*Minus) pattern()     {}
func (*Graph) pattern()     {}
func (*Service) pattern()   {}
func (*Filter) pattern()    {}
func (*Bind) pattern()      {}
func (*Values) pattern()    {}
func (*SubSelect) pattern() {}

func (*Var) expr()        {}
func (*Const) expr()      {}
func (*TripleTerm) expr() {}
func (*Logic) expr()      {}
func (*Binary) expr()     {}
func (*Unary) expr()      {}
func (*In) expr()         {}
func (*Call) expr()       {}
func (*IRICall) expr()    {}
func (*Exists) expr()     {}
func (*Aggregate) expr()  {}

func (*InsertData) operation()  {}
func (*DeleteData) operation()  {}
func (*DeleteWhere) operation() {}
func (*Modify) operation()      {}
func (*Load) operation()        {}
func (*Clear) operation()       {}
func (*Create) operation()      {}
func (*Transfer) operation()    {}
