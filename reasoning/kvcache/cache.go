package kvcache

// Shape is what a model asks of its cache.
type Shape struct {
	Layers     int
	QueryHeads int
	Heads      int // key/value heads; QueryHeads is a multiple
	Dim        int // of one head
}

// Store keeps the pages of all sequences of one model. Methods may be called
// by several goroutines for different sequences.
type Store interface {
	// New returns an empty sequence.
	New() Sequence
	// Attend computes softmax(q·k/√Dim)·v of one layer for rows of queries;
	// see Rows. q and out are [rows][QueryHeads][Dim]; lse, unless nil, gets
	// the log-sum-exp of the scores, [rows][QueryHeads], with which other parts
	// can be merged. A row that sees nothing gives zeros and -Inf.
	Attend(layer int, rows []Rows, q, out, lse []float32)
	// Bytes counts every page in use once.
	Bytes() int64
}

// Sequence is the cache of one text. It is not safe for concurrent use.
type Sequence interface {
	// used by the model

	// Extend makes room for n more positions; Put then fills them for each
	// layer with k and v [n][Heads][Dim], keys after rotation.
	Extend(n int)
	Put(layer int, k, v []float32)

	// used by the scheduler

	// Len returns the number of positions.
	Len() int
	// Fork returns a sequence with the same contents; from here on each is
	// changed alone.
	Fork() Sequence
	// Truncate forgets all positions from n on.
	Truncate(n int)
	// Release gives the pages back. The sequence must not be used again.
	Release()
	// Bytes counts the pages of this sequence alone, and those it shares.
	Bytes() (exclusive, shared int64)
}

// Compressed is implemented by sequences of stores that may compress.
type Compressed interface {
	// Room returns how many positions may be added at once so that each of
	// them sees the same sealed pages as if it had come alone.
	Room() int
	// EndPrompt says that what was put is a prompt and the answer follows: the
	// point at which policies of importance choose what to keep.
	EndPrompt()
	// Usage returns where the memory goes, shared pages included.
	Usage() Bytes
	// Kept returns how many of the positions are still there, averaged over
	// layers and heads.
	Kept() float64
}

// Rows are query rows of one sequence: row i sees positions 0 to
// First + i*Step - 1. One token being decoded is {s, 1, s.Len(), 0}; a chunk of
// n tokens just appended is {s, n, s.Len()-n+1, 1}; nodes of a tree that all
// see the whole prompt are {s, n, s.Len(), 0}. Neighbouring entries whose
// sequences share pages read them together.
//
// With Window, a row sees only the last so many of these positions. Of a page
// that has been sealed it sees all that is kept, or nothing.
type Rows struct {
	Seq    Sequence
	N      int
	First  int
	Step   int
	Window int // 0 = no limit
}
