// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/tenant"
)

func TestStatement(t *testing.T) {
	st := For("shop")
	at := time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)
	require.Equal(t, "TenantId = {p0:String}", st.OfTenant())
	require.Equal(t, "{p1:String}", st.Str("a'b"))
	require.Equal(t, "{p2:Array(String)}", st.Strs([]string{"a", "b"}))
	require.Equal(t, "{p3:Int64}", st.Int(-5))
	require.Equal(t, "{p4:Float64}", st.Float(1.5))
	require.Equal(t, "fromUnixTimestamp64Nano({p5:Int64})", st.Nano(at))
	require.Equal(t, "toDateTime({p6:Int64})", st.Second(at))
	require.Equal(t, "{p7:UInt8}", st.Bind("UInt8", uint8(7)))
	args, err := st.argsFor("SELECT 1 FROM {db}.t")
	require.NoError(t, err)
	require.Equal(t, []any{
		clickhouse.Named("p0", "shop"), clickhouse.Named("p1", "a'b"), clickhouse.Named("p2", []string{"a", "b"}), clickhouse.Named("p3", int64(-5)), clickhouse.Named("p4", 1.5),
		clickhouse.Named("p5", at.UnixNano()), clickhouse.Named("p6", at.Unix()), clickhouse.Named("p7", uint8(7)),
	}, args)
}

// A query that reads a table without asking whose rows it reads is refused before it is sent.
func TestStatementOfATenant(t *testing.T) {
	once, twice := For("a"), For("a")
	once.OfTenant()
	twice.OfTenant()
	twice.OfTenant()
	for name, c := range map[string]struct {
		st    *Statement
		query string
		ok    bool
	}{
		"no table":               {nil, "SELECT 1", true},
		"no statement":           {nil, "SELECT 1 FROM {db}.t", false},
		"no condition":           {For("a"), "SELECT 1 FROM {db}.t", false},
		"condition":              {once, "SELECT 1 FROM {db}.t", true},
		"two tables":             {once, "SELECT 1 FROM {db}.t, {db}.u", false},
		"two tables, two":        {twice, "SELECT 1 FROM {db}.t, {db}.u", true},
		"a statement of nobody":  {For(""), "SELECT 1", false},
		"no table, a tenant":     {For("a"), "SELECT 1", true},
		"more conditions":        {twice, "SELECT 1 FROM {db}.t", true},
		"without the database's": {For("a"), "SELECT 1 FROM system.tables", true},
	} {
		_, err := c.st.argsFor(c.query)
		if c.ok {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, storage.ErrInvalid, name)
		}
	}
}

func TestReadErrors(t *testing.T) {
	for code, want := range map[int32]error{
		159: storage.ErrLimit, 160: storage.ErrLimit, 158: storage.ErrLimit, 307: storage.ErrLimit, 396: storage.ErrLimit, 191: storage.ErrLimit, 241: storage.ErrLimit,
		427: storage.ErrBadQuery, 167: storage.ErrBadQuery, 168: storage.ErrBadQuery, 306: storage.ErrBadQuery,
		202: storage.ErrUnavailable, 210: storage.ErrUnavailable, 236: storage.ErrUnavailable, 394: storage.ErrUnavailable, 209: storage.ErrUnavailable, 243: storage.ErrUnavailable, 242: storage.ErrUnavailable,
		999: storage.ErrUnavailable, 279: storage.ErrUnavailable, 519: storage.ErrUnavailable,
	} {
		for _, err := range []error{&clickhouse.Exception{Code: code, Message: "said so"}, newException(500, fmt.Sprintf("Code: %d. said so", code))} {
			got := readError(t.Context(), fmt.Errorf("around: %w", err))
			require.ErrorIs(t, got, want, code)
			require.ErrorContains(t, got, "said so")
			require.Equal(t, code == 241, errors.Is(got, ErrMemory))
		}
	}
	other := readError(t.Context(), &clickhouse.Exception{Code: 60, Message: "no table"})
	for _, kind := range []error{storage.ErrLimit, storage.ErrBadQuery, storage.ErrUnavailable} {
		require.NotErrorIs(t, other, kind, "a mistake of the program is none of the kinds")
	}
	for _, kind := range []error{storage.ErrUnavailable, storage.ErrLimit, storage.ErrBadQuery, storage.ErrInvalid, storage.ErrNotFound} {
		require.Equal(t, kind, readError(t.Context(), kind))
	}
	require.NoError(t, readError(t.Context(), nil))
	require.NoError(t, writeError(nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, readError(ctx, errors.New("x")), context.Canceled)
}

func TestEach(t *testing.T) {
	sup := enginetest.Start(t, t.TempDir())
	c := open(t, Default(), sup)
	require.NoError(t, c.Exec(t.Context(), "CREATE DATABASE strata"))
	require.NoError(t, c.Exec(t.Context(), "CREATE TABLE strata.t (TenantId String, n UInt64, s String) ENGINE = MergeTree ORDER BY n"))
	require.NoError(t, c.Exec(t.Context(), "INSERT INTO strata.t SELECT if(number % 2 = 0, 'a', 'b'), number, concat('it''s ', toString(number)) FROM numbers(1000)"))
	query := func(st *Statement) string {
		return "SELECT n, s FROM {db}.t WHERE " + st.OfTenant() + " AND s != " + st.Str("it's 4") + " ORDER BY n"
	}
	t.Run("rows of a tenant in their order", func(t *testing.T) {
		st := For("a")
		var got []uint64
		require.NoError(t, c.Each(t.Context(), "ask", query(st), st, func(scan func(...any) error) error {
			var n uint64
			var s string
			err := scan(&n, &s)
			require.Equal(t, fmt.Sprintf("it's %d", n), s)
			got = append(got, n)
			return err
		}))
		require.Len(t, got, 499)
		require.Equal(t, []uint64{0, 2, 6, 8}, got[:4])
	})
	t.Run("a full page", func(t *testing.T) {
		st := For("b")
		n := 0
		require.NoError(t, c.Each(t.Context(), "ask", query(st), st, func(func(...any) error) error {
			if n++; n == 3 {
				return ErrPageFull
			}
			return nil
		}))
		require.Equal(t, 3, n)
	})
	t.Run("an error of the caller's", func(t *testing.T) {
		st := For("b")
		mine := fmt.Errorf("%w: of the caller", storage.ErrNotFound)
		err := c.Each(t.Context(), "ask", query(st), st, func(func(...any) error) error { return mine })
		require.ErrorIs(t, err, storage.ErrNotFound)
		require.ErrorContains(t, err, "ask: ")
	})
	t.Run("no tenant", func(t *testing.T) {
		err := c.Each(t.Context(), "ask", "SELECT n FROM {db}.t", For(tenant.Default), nil)
		require.ErrorIs(t, err, storage.ErrInvalid)
	})
	t.Run("columns of text", func(t *testing.T) {
		got, err := c.Column(t.Context(), "ask", "SELECT toString(number) FROM numbers(3)", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"0", "1", "2"}, got)
		got, err = c.Column(t.Context(), "ask", "SELECT toString(number) FROM numbers(0)", nil)
		require.NoError(t, err)
		require.NotNil(t, got)
		require.Empty(t, got)
		_, err = c.Column(t.Context(), "ask", "SELECT throwIf(1)", nil)
		require.ErrorContains(t, err, "ask")
	})
	t.Run("an error behind rows", func(t *testing.T) {
		st := For("a")
		rows := 0
		err := c.Each(t.Context(), "ask", "SELECT n, throwIf(n = 900) FROM {db}.t WHERE "+st.OfTenant()+" ORDER BY n SETTINGS max_block_size = 10, max_threads = 1", st, func(func(...any) error) error {
			rows++
			return nil
		})
		require.ErrorContains(t, err, "ask")
		require.Less(t, rows, 500)
	})
	t.Run("a caller that leaves", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		start := time.Now()
		unbounded := Default()
		unbounded.Query.MaxRowsRead = 0
		err := open(t, unbounded, sup).Each(ctx, "ask", "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))", nil, func(func(...any) error) error { return nil })
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, time.Since(start), 20*time.Second)
	})
	t.Run("a pattern that is none", func(t *testing.T) {
		_, err := c.Column(t.Context(), "ask", "SELECT toString(match('x', materialize('(')))", nil)
		require.ErrorIs(t, err, storage.ErrBadQuery)
		require.True(t, strings.HasPrefix(err.Error(), "ask: "), err)
	})
}
