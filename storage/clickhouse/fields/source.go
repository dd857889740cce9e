// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"context"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/filter"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

// Reader counts and completes the fields of one table. All of its fields are needed. Safe for concurrent use.
type Reader struct {
	Client *client.Client
	// Table is its name without the database, Attributes its map of a record's own attributes.
	Table, Attributes string
	// Condition is the SQL of a selection, whose values it binds to the statement.
	Condition func(*client.Statement, storage.Selection) (string, error)
	// Compiler makes conditions of the table.
	Compiler func(*client.Statement) *filter.Compiler
}

// AttributeKeys is storage.FieldReader's for the table.
func (r Reader) AttributeKeys(ctx context.Context, q storage.FieldQuery) ([]string, error) {
	src, err := r.source(storage.Selection{Tenant: q.Tenant, Range: q.Range})
	if err != nil {
		return nil, err
	}
	return src.keys(ctx, r.Attributes, q.Text)
}

// FieldValues is storage.FieldReader's for the table.
func (r Reader) FieldValues(ctx context.Context, q storage.FieldQuery, field search.Field) ([]string, error) {
	src, err := r.source(storage.Selection{Tenant: q.Tenant, Range: q.Range})
	if err != nil {
		return nil, err
	}
	return src.values(ctx, r.Compiler(src.statement), field, q.Text)
}

// Facets counts the most frequent values of all facets in one scan; they come in the order of facets. Rows without a value are not counted. An error wraps
// storage.ErrBadQuery where the selection cannot be meant, and is of client.Client.Each otherwise.
func (r Reader) Facets(ctx context.Context, sel storage.Selection, facets []Facet) ([]storage.Facet, error) {
	src, err := r.source(sel)
	if err != nil {
		return nil, err
	}
	return src.facets(ctx, facets)
}

// source is the rows of a selection, which is refused where its range or its filter cannot be meant.
func (r Reader) source(sel storage.Selection) (*source, error) {
	if err := timerange.Check(sel.Range); err != nil {
		return nil, err // It names the range.
	}
	src := &source{client: r.Client, table: r.Table, statement: client.For(sel.Tenant)}
	var err error
	if src.where, err = r.Condition(src.statement, sel); err != nil {
		return nil, err
	}
	return src, nil
}

// source is the rows of a table that fulfil a condition. It serves one question.
type source struct {
	client *client.Client
	table  string
	// where is the condition. Its values, and further ones, are bound to statement.
	where     string
	statement *client.Statement
}
