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
func (s *Store) AttributeKeys(ctx context.Context, of signal.Signal, prefix string, r storage.TimeRange) ([]string, error) {
	reader, err := s.fieldsOf(of)
	if err != nil {
		return nil, err
	}
	return reader.AttributeKeys(ctx, prefix, r)
}

// FieldValues implements storage.FieldReader.
func (s *Store) FieldValues(ctx context.Context, of signal.Signal, field search.Field, prefix string, r storage.TimeRange) ([]string, error) {
	reader, err := s.fieldsOf(of)
	if err != nil {
		return nil, err
	}
	return reader.FieldValues(ctx, field, prefix, r)
}

// fieldReader is storage.FieldReader for one signal.
type fieldReader interface {
	AttributeKeys(ctx context.Context, prefix string, r storage.TimeRange) ([]string, error)
	FieldValues(ctx context.Context, field search.Field, prefix string, r storage.TimeRange) ([]string, error)
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
