// SPDX-License-Identifier: Apache-2.0

package client

import (
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Statement collects the values that are bound to a query while its text is put together. Nothing a user typed gets into the text. The
// zero value has none.
type Statement struct {
	// Args are the values so far, in the order in which they were bound.
	Args []any
}

// Bind adds a value of a ClickHouse type and returns its query parameter.
func (st *Statement) Bind(typ string, value any) string {
	name := "p" + strconv.Itoa(len(st.Args))
	st.Args = append(st.Args, clickhouse.Named(name, value))
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
