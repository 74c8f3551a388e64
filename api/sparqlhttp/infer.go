package sparqlhttp

import (
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/kg"
	"github.com/quaestor-kg/quaestor/reasoning/infer"
	"github.com/quaestor-kg/quaestor/sparql/results"
)

// readInferred reads the parameters that ask for inferred rows: inferred=true,
// and optionally inferred-limit and inferred-min. Without them nothing is
// inferred.
func (q *request) readInferred(params url.Values) error {
	bad := func(format string, args ...any) error {
		return api.NewProblem("bad-parameter", fmt.Sprintf(format, args...))
	}
	v := params.Get("inferred")
	if v == "" && !params.Has("inferred-limit") && !params.Has("inferred-min") {
		return nil
	}
	on, err := strconv.ParseBool(v)
	switch {
	case err != nil:
		return bad("inferred %q: want true or false", v)
	case !on:
		return nil
	case q.isUpdate:
		return bad("inferred: an update writes what is stated only")
	case len(q.dataset.Default)+len(q.dataset.Named) > 0:
		return bad("inferred: the link predictor knows the whole graph; leave the dataset out")
	}
	q.infer = &api.InferRequest{Text: q.query, Timeout: q.timeout}
	if l := params.Get("inferred-limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 || n > api.MaxInferred {
			return bad("inferred-limit %q: want a number from 1 to %d", l, api.MaxInferred)
		}
		q.infer.Limit = n
	}
	if m := params.Get("inferred-min"); m != "" {
		p, err := strconv.ParseFloat(m, 64)
		if err != nil || !(p > 0 && p < 1) {
			return bad("inferred-min %q: want a probability between 0 and 1", m)
		}
		q.infer.Min = p
	}
	return nil
}

// infer answers with the stated rows, then the inferred ones, in one table with
// three further columns. An ASK query is answered as such a table, too: a
// boolean could not say that it is inferred.
func (h *Handler) infer(w http.ResponseWriter, r *http.Request, req *request) error {
	t, ok := negotiate(r.Header.Values("Accept"), tableTypes)
	if !ok {
		return api.NewProblem("not-acceptable", "this query can be answered as "+offer(tableTypes))
	}
	req.infer.ID = r.Header.Get("Quaestor-Request")
	return h.svc.Infer(r.Context(), *req.infer, func(res *infer.Result, snap kg.Snapshot) error {
		vars, rows := api.InferredTable(res)
		hd := w.Header()
		hd.Set("Content-Type", contentType(t.name))
		hd.Set("Vary", "Accept")
		hd.Set("Cache-Control", "no-store")
		hd.Set("Quaestor-Version", strconv.FormatUint(snap.Version(), 10))
		hd.Set("Quaestor-Snapshot", api.SnapshotID(snap.Version()))
		hd.Set("Quaestor-Inferred", strconv.Itoa(len(res.Rows)))
		return results.WriteRows(w, results.Format(t.format), vars, sequence(rows))
	})
}

func sequence(rows [][]kg.Term) iter.Seq2[[]kg.Term, error] {
	return func(yield func([]kg.Term, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}
