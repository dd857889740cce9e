// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// Statement collects the values that are bound to a query of one tenant's rows while its text is put together. Nothing a user typed gets
// into the text.
type Statement struct {
	// args are the values so far, in the order in which they were bound.
	args   []any
	tenant tenant.ID
	// owned counts the conditions that OfTenant returned.
	owned int
}

// For returns a statement about the rows of a tenant.
func For(t tenant.ID) *Statement { return &Statement{tenant: t} }

// OfTenant returns the condition that a row is the tenant's. Every table that a query reads needs it once: a query without it is refused.
func (st *Statement) OfTenant() string {
	st.owned++
	return "TenantId = " + st.Str(string(st.tenant))
}

// argsFor returns the values for the query. It refuses a query that names no tenant, or that reads a table without asking whose rows it
// reads: the error wraps storage.ErrInvalid.
func (st *Statement) argsFor(query string) ([]any, error) {
	tables := strings.Count(query, "{db}.")
	switch {
	case st == nil && tables == 0:
		return nil, nil
	case st == nil || st.tenant == "":
		return nil, fmt.Errorf("%w: the query says of no tenant that it is about its data", storage.ErrInvalid)
	case st.owned < tables:
		return nil, fmt.Errorf("%w: the query reads %d tables and asks of %d whose rows they are", storage.ErrInvalid, tables, st.owned)
	default:
		return st.args, nil
	}
}

// Bind adds a value of a ClickHouse type and returns its query parameter.
func (st *Statement) Bind(typ string, value any) string {
	name := "p" + strconv.Itoa(len(st.args))
	st.args = append(st.args, clickhouse.Named(name, value))
	return "{" + name + ":" + typ + "}"
}

// Str is Bind for a text.
func (st *Statement) Str(s string) string { return st.Bind("String", s) }

// Strs is Bind for an array of texts.
func (st *Statement) Strs(s []string) string { return st.Bind("Array(String)", s) }

// Int is Bind for a whole number.
func (st *Statement) Int(n int64) string { return st.Bind("Int64", n) }

// Float is Bind for a number.
func (st *Statement) Float(f float64) string { return st.Bind("Float64", f) }

// Nano returns the expression of a time with its nanoseconds, a DateTime64(9).
func (st *Statement) Nano(t time.Time) string {
	return "fromUnixTimestamp64Nano(" + st.Int(t.UnixNano()) + ")"
}

// Second returns the expression of a time in whole seconds, cut off, a DateTime.
func (st *Statement) Second(t time.Time) string { return "toDateTime(" + st.Int(t.Unix()) + ")" }
