package run

import (
	"errors"
	"fmt"
	"time"
)

// Limits bounds one query. A zero field means no limit.
type Limits struct {
	// Timeout ends the query this long after Run began.
	Timeout time.Duration
	// MaxMemory bounds the bytes held by hash tables, sort buffers, distinct
	// and path sets of the query.
	MaxMemory int64
	// MaxRows bounds the rows (or triples) handed out.
	MaxRows int64
}

// LimitError reports that a query was stopped by one of its Limits.
type LimitError struct {
	Name    string // "time", "memory" or "rows"
	Used    string // what the query had used when it was stopped
	Allowed string // the limit
	Stage   string // the operator that was at work
}

// Error names the limit, the figures, the stage and the remedy.
func (e *LimitError) Error() string {
	remedy := map[string]string{
		"time":   "raise the timeout or narrow the query",
		"memory": "raise the memory limit, add a LIMIT or narrow the query",
		"rows":   "raise the row limit or add a LIMIT",
	}[e.Name]
	return fmt.Sprintf("sparql: %s limit reached in %s: used %s of %s allowed; %s",
		e.Name, e.Stage, e.Used, e.Allowed, remedy)
}

// ErrService: federated queries are not available.
var ErrService = errors.New("sparql: SERVICE is not allowed: federated queries are switched off; use SERVICE SILENT to go on without")
