// Package embed ranks what a graph does not state. A model embeds entities and
// relations as vectors; the score of (h, r, t) says how plausible the statement
// is.
//
// All models here score by one matrix product: a head and a relation give a
// query vector, an entity gives a score row, and the score is their inner
// product. Squared distances fit in as well, because |q-e|² = |q|² + |e|² - 2qe
// and the two norms ride in two extra columns. So one kernel trains every
// model, one pass over the rows answers every query, and complex queries need
// no model of their own.
//
// Relations are directed: with R relation names, r in [0, R) is the relation as
// stated and r+R its inverse, so that heads are predicted as tails of r+R. A
// symmetric treatment of both directions is the model's own business.
//
// Sub-packages: dataset reads graphs, complex and nfe hold the mathematics,
// kernel the arithmetic, train fits a Table, eval measures it, cqd answers
// complex queries.
package embed

// Predictor ranks tails. Implementations are safe for concurrent use.
type Predictor interface {
	// Entities is the number N of entities.
	Entities() int
	// Relations is 2R: the stated relations, then their inverses.
	Relations() int
	// Rank is the length of a query vector.
	Rank() int
	// Width is the length of an entity's parameter vector, which is what
	// Entity returns and QueryFrom takes.
	Width() int
	// Query writes the query vector of (h, r, ?) into q [Rank].
	Query(h, r int32, q []float32)
	// QueryFrom is Query for a head that is any vector [Width]: a variable
	// under optimisation, or an entity that was folded in.
	QueryFrom(head []float32, r int32, q []float32)
	// ScoreAll writes the scores of a query vector against all entities into
	// out [N]. Higher is more plausible; biases are included.
	ScoreAll(q []float32, out []float32)
	// Score is one entry of ScoreAll.
	Score(q []float32, e int32) float32
	// Entity returns the parameters of an entity; the caller must not change
	// them.
	Entity(e int32) []float32
}

// BatchPredictor scores many queries in one product.
type BatchPredictor interface {
	Predictor
	// ScoreBatch writes the scores of qs [n][Rank] against all entities into
	// out [n][N].
	ScoreBatch(qs, out []float32)
}

// Differentiable is a Predictor whose score of three vectors has gradients, for
// queries that are answered by optimising their variables.
type Differentiable interface {
	Predictor
	// ScoreVectors returns the score of a head [Width], a relation and a tail
	// [Width].
	ScoreVectors(head []float32, r int32, tail []float32) float32
	// GradVectors adds up·∂score/∂head to dhead and up·∂score/∂tail to dtail;
	// either may be nil.
	GradVectors(head []float32, r int32, tail []float32, up float32, dhead, dtail []float32)
}

// Float is the arithmetic a model is written for: float32 to run, float64 to
// check gradients.
type Float interface{ ~float32 | ~float64 }

// Model is the mathematics of one scoring function, without parameters of its
// own. The score of a triple is Query(h, r) · Row(t).
type Model[F Float] interface {
	// Name is the model's name in checkpoints and on the command line.
	Name() string
	// Width and RelationWidth are the parameters of one entity and relation.
	Width() int
	RelationWidth() int
	// Rank is the number of columns of a query vector and of a score row.
	Rank() int
	// Identity reports that an entity's score row is its parameter vector.
	Identity() bool
	// Row writes the score row [Rank] of entity parameters e [Width].
	Row(e, row []F)
	// RowGrad adds to de the gradient of a loss whose gradient with respect to
	// the row is drow.
	RowGrad(e, drow, de []F)
	// Query writes the query vector [Rank] of a head h [Width] and a relation
	// r [RelationWidth].
	Query(h, r, q []F)
	// QueryGrad adds to dh and dr the gradient of a loss whose gradient with
	// respect to the query vector is dq.
	QueryGrad(h, r, dq, dh, dr []F)
}

// Regularised is a model with the nuclear 3-norm.
type Regularised[F Float] interface {
	// N3 returns the norm's third power of a parameter vector and adds scale
	// times its gradient to dv, which may be nil.
	N3(v []F, scale F, dv []F) F
}

// RelationPredictor is a model that can be asked for the relation of two
// entities: the auxiliary task of Chen et al. (AKBC 2021). Its relation
// parameters are score rows as they are.
type RelationPredictor[F Float] interface {
	// RelationQuery writes the vector whose inner product with a relation's
	// parameters is the score of (h, relation, t).
	RelationQuery(h, t, q []F)
	// RelationQueryGrad adds the gradients of RelationQuery.
	RelationQueryGrad(h, t, dq, dh, dt []F)
}
