// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
)

// AttributeKeys implements storage.FieldReader.
func (s *Store) AttributeKeys(ctx context.Context, q storage.FieldQuery) ([]string, error) {
	reader, err := s.fieldsOf(q.Signal)
	if err != nil {
		return nil, err
	}
	return reader.AttributeKeys(ctx, q)
}

// FieldValues implements storage.FieldReader.
func (s *Store) FieldValues(ctx context.Context, q storage.FieldQuery, field search.Field) ([]string, error) {
	reader, err := s.fieldsOf(q.Signal)
	if err != nil {
		return nil, err
	}
	return reader.FieldValues(ctx, q, field)
}

// fieldReader is storage.FieldReader for one signal.
type fieldReader interface {
	AttributeKeys(ctx context.Context, q storage.FieldQuery) ([]string, error)
	FieldValues(ctx context.Context, q storage.FieldQuery, field search.Field) ([]string, error)
}

func (s *Store) fieldsOf(of signal.Signal) (fieldReader, error) {
	switch of {
	case signal.Traces:
		return s.traceStore, nil
	case signal.Logs:
		return s.logStore, nil
	default:
		return nil, fmt.Errorf("%w: %q is no signal with fields", storage.ErrBadQuery, of)
	}
}
