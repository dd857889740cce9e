// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/split"
	"github.com/strata-apm/strata/tenant"
)

// TestRecentForgets: a request is remembered for an hour at least, and not for ever.
func TestRecentForgets(t *testing.T) {
	at := time.Now()
	r := newRecent(at)
	require.False(t, r.add(1, at))
	require.True(t, r.add(1, at))
	require.False(t, r.add(2, at.Add(resentWindow+1)), "a new generation")
	require.True(t, r.add(1, at.Add(resentWindow+2)), "of the old one")
	require.False(t, r.add(3, at.Add(3*resentWindow)))
	require.True(t, r.add(1, at.Add(3*resentWindow)), "seen again in the generation before")
	require.False(t, r.add(4, at.Add(5*resentWindow)))
	require.False(t, r.add(2, at.Add(5*resentWindow)), "forgotten")
}

// TestRecentIsBounded: past so many requests the window is shorter.
func TestRecentIsBounded(t *testing.T) {
	at := time.Now()
	r := newRecent(at)
	for i := range uint64(2*resentMax + 1) {
		require.False(t, r.add(i, at))
	}
	require.LessOrEqual(t, len(r.young)+len(r.old), 2*resentMax)
	require.False(t, r.add(0, at), "of the oldest generation")
	require.True(t, r.add(2*resentMax, at))
}

func TestHash(t *testing.T) {
	a, b := split.Part{Body: []byte("a")}, split.Part{Body: []byte("b")}
	require.Equal(t, Request{Parts: []split.Part{a, b}}.hash(tenant.Default), Request{Parts: []split.Part{b, a}}.hash(tenant.Default))
	require.NotEqual(t, Request{Parts: []split.Part{a}}.hash(tenant.Default), Request{Parts: []split.Part{a, b}}.hash(tenant.Default))
	require.Equal(t, Request{Body: []byte("a")}.hash(tenant.Default), Request{Body: []byte("a"), Parts: []split.Part{b}}.hash(tenant.Default), "the body before it was cut")
	require.NotEqual(t, Request{Body: []byte("a")}.hash(tenant.Default), Request{Body: []byte("a")}.hash("other"), "another tenant's")
}
