package kg

import (
	"context"
	"errors"
	"iter"
)

// Errors that every store reports in the same way. Stores wrap them with the
// place: file, key, layer.
var (
	// ErrClosed: the snapshot, cursor or store was used after Close.
	ErrClosed = errors.New("kg: closed")
	// ErrUnknownID: an id that this snapshot never handed out.
	ErrUnknownID = errors.New("kg: unknown id")
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("kg: store is in use by another process")
	// ErrCorrupt: stored bytes contradict their own checksum or root record.
	ErrCorrupt = errors.New("kg: store is damaged")
	// ErrFormat: the store was written by a newer version.
	ErrFormat = errors.New("kg: store format is newer than this program")
	// ErrReadOnly: the store refuses writes (opened so, or after a failed write).
	ErrReadOnly = errors.New("kg: store is read-only")
	// ErrNoBlob: the store holds no byte string of that name.
	ErrNoBlob = errors.New("kg: no such bytes in the store")
	// ErrDiskFull: too little free space to write safely.
	ErrDiskFull = errors.New("kg: not enough free disk space")
)

// Cursor walks the quads of one scan in its order, without duplicates.
//
// A cursor is not safe for concurrent use. It starts before the first quad.
// Quad is defined only after Next or Seek returned true. After false, Err
// tells the end from a failure; errors are sticky. Close frees what the cursor
// pins and may be called twice.
type Cursor interface {
	Next() bool
	// Seek moves to the first quad that is >= q in the scan's order and returns
	// whether there is one. It never moves backwards: seeking to a quad at or
	// before the current one stays. Merge and leapfrog joins live on it.
	Seek(q Quad) bool
	Quad() Quad
	Err() error
	Close() error
}

// BatchCursor is a Cursor that can hand out many quads in one call.
type BatchCursor interface {
	Cursor
	// NextBatch fills dst with the next quads and returns how many; 0 means the
	// end or an error (see Err). Mixing it with Next and Seek is allowed.
	NextBatch(dst []Quad) int
}

// NextBatch reads up to len(dst) quads from any cursor.
func NextBatch(c Cursor, dst []Quad) int {
	if b, ok := c.(BatchCursor); ok {
		return b.NextBatch(dst)
	}
	n := 0
	for n < len(dst) && c.Next() {
		dst[n] = c.Quad()
		n++
	}
	return n
}

// Snapshot is a consistent, unchanging view of a store. A question holds one
// from its first token to its last citation. Methods are safe for concurrent
// use; cursors are not. Close releases it; cursors must be closed before.
type Snapshot interface {
	// Scan returns the quads that match p, sorted by o. Any order works for any
	// pattern; BestOrder(p) reads least. Cancelling ctx ends the scan with
	// ctx.Err().
	Scan(ctx context.Context, p Pattern, o Order) Cursor
	// Estimate returns the approximate number of quads that match p. It is
	// exact where the directory of blocks tells it, and 0 only if there is none.
	Estimate(p Pattern) float64
	// Lookup returns the id of a term, and false if the snapshot has no such
	// term. Inlined values always have an id.
	Lookup(t Term) (ID, bool, error)
	// Term returns the term of an id; ErrUnknownID if there is none. Any and
	// DefaultGraph give the zero Term.
	Term(id ID) (Term, error)
	// Version is the commit number the snapshot was taken at; it grows by one
	// with every commit that changed something.
	Version() uint64
	// Size is the number of quads.
	Size() int64
	Close() error
}

// TermBatcher is a Snapshot that resolves many ids faster than one by one.
// dst has the length of ids.
type TermBatcher interface {
	Terms(ids []ID, dst []Term) error
}

// Terms resolves ids of any snapshot into dst, which has the length of ids.
func Terms(s Snapshot, ids []ID, dst []Term) error {
	if b, ok := s.(TermBatcher); ok {
		return b.Terms(ids, dst)
	}
	for i, id := range ids {
		t, err := s.Term(id)
		if err != nil {
			return err
		}
		dst[i] = t
	}
	return nil
}

// PredicateStats describes one predicate over all graphs.
type PredicateStats struct {
	Count    int64 // quads
	Subjects int64 // distinct subjects (may be approximate)
	Objects  int64 // distinct objects (may be approximate)
}

// StatsProvider is a Snapshot with statistics for the optimiser. ok is false
// for a predicate without quads.
type StatsProvider interface {
	PredicateStats(p ID) (st PredicateStats, ok bool)
}

// DistinctScanner is a Snapshot that can enumerate the distinct values of the
// first column of an order, each with its number of quads, without reading
// every quad: the predicates with PSO, the graphs with GSPO, the subjects
// with SPO.
type DistinctScanner interface {
	Distinct(ctx context.Context, o Order) iter.Seq2[ID, int64]
}

// Tx is a write transaction. It is a Snapshot that sees its own writes. It is
// valid only inside the function given to Update and is not safe for
// concurrent use. Cursors opened before a write do not see it.
type Tx interface {
	Snapshot
	// Intern returns the id of a term and creates one if needed.
	Intern(t Term) (ID, error)
	// Insert adds a quad of interned ids and reports whether it was absent.
	// G must be DefaultGraph or the id of an IRI or blank node, never Any.
	Insert(q Quad) (bool, error)
	// Delete removes a quad and reports whether it was present.
	Delete(q Quad) (bool, error)
}

// LoadStats is what a bulk load did.
type LoadStats struct {
	Read       int64 // quads taken from the input
	Added      int64 // quads that were not there before
	Duplicates int64 // Read - Added
}

// TermQuad is a quad of terms; a None graph is the default graph.
type TermQuad struct{ S, P, O, G Term }

// Store holds quads. Readers never block; there is one writer at a time.
type Store interface {
	// Snapshot returns the newest committed state.
	Snapshot() (Snapshot, error)
	// Update runs fn and commits all of its writes, or none if fn or the commit
	// fails. A nil error means the commit is as durable as the store promises.
	Update(ctx context.Context, fn func(Tx) error) error
	// Load adds many quads in one commit. It stops at the first error of the
	// sequence and then changes nothing. Blank node labels are taken as they
	// are: readers make them unique per file.
	Load(ctx context.Context, quads iter.Seq2[TermQuad, error]) (LoadStats, error)
	Close() error
}

// Hit is one result of a text or vector search; higher scores are better.
type Hit struct {
	ID    ID
	Score float64
}

// TextSearcher is a capability: search over labels and literals.
type TextSearcher interface {
	SearchText(ctx context.Context, query string, k int) ([]Hit, error)
}

// VectorSearcher is a capability: nearest neighbours of a vector.
type VectorSearcher interface {
	SearchVector(ctx context.Context, v []float32, k int) ([]Hit, error)
}

// BlobReader is a capability of a Snapshot: byte strings that the store keeps
// beside its quads, such as source documents. Blobs never change, so a name is
// best a hash of its bytes. A deleted blob is gone from older snapshots too: to
// forget a document must not wait for a reader.
type BlobReader interface {
	// Blob returns the bytes of a name; ErrNoBlob if there are none, ErrCorrupt
	// if they contradict their checksum. The caller must not change them.
	Blob(name string) ([]byte, error)
}

// BlobStore is a capability of a Store; its snapshots are BlobReaders. Blobs
// are written apart from transactions: write them before the commit that names
// them, delete them after the commit that no longer does.
type BlobStore interface {
	// PutBlob keeps the bytes under a name; the same name may be written again
	// with the same bytes.
	PutBlob(ctx context.Context, name string, body []byte) error
	// DeleteBlob removes a name; one that is not there is no error.
	DeleteBlob(ctx context.Context, name string) error
	// Blobs lists the names in order.
	Blobs(ctx context.Context) iter.Seq2[string, error]
}
