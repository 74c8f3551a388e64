package sources

import (
	"context"
	"fmt"
	"github.com/quaestor-kg/quaestor/api"

	"github.com/quaestor-kg/quaestor/ingest"
	"github.com/quaestor-kg/quaestor/kg"
)

// Deletion is what deleting a document does, or did.
type Deletion struct {
	ingest.Forgotten
	// Token binds the preview to a state of the graph; the deletion must name it.
	Token string `json:"token,omitempty"`
}

// PreviewDeletion counts what goes with a document and changes nothing.
func (s *Sources) PreviewDeletion(ctx context.Context, id string) (*Deletion, error) {
	version, err := s.version()
	if err != nil {
		return nil, err
	}
	f, err := ingest.Forget(ctx, s.store, documentIRI(id), true)
	if err != nil {
		return nil, unknownDocument(id, err)
	}
	return &Deletion{Forgotten: f, Token: api.SnapshotID(version)}, nil
}

// DeleteDocument deletes exactly what a document brought. It refuses if the
// graph has changed since the preview.
func (s *Sources) DeleteDocument(ctx context.Context, id, token string) (*Deletion, error) {
	if !s.writable {
		return nil, api.NewProblem("feature-off", "the service was started without --writable")
	}
	version, err := s.version()
	if err != nil {
		return nil, err
	}
	if token != api.SnapshotID(version) {
		return nil, api.NewProblem("conflict", fmt.Sprintf("the graph has changed since the preview (%s, now %s): look at a new preview", token, api.SnapshotID(version)))
	}
	f, err := ingest.Forget(ctx, s.store, documentIRI(id), false)
	if err != nil {
		return nil, unknownDocument(id, err)
	}
	return &Deletion{Forgotten: f}, nil
}

func (s *Sources) version() (v uint64, err error) {
	err = s.withSnapshot(func(snap kg.Snapshot) error {
		v = snap.Version()
		return nil
	})
	return v, err
}
