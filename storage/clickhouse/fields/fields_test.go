// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/storage/clickhouse/fields"
	"github.com/strata-apm/strata/storage/clickhouse/filter"
	"github.com/strata-apm/strata/storage/clickhouse/logs"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// shop is a reader of log records, and the range that they are in.
type shop struct {
	*logs.Store
	client *client.Client
	rng    storage.TimeRange
}

// open stores records: their service, level and tier, and a key of their own, each as often as its number says.
func open(t *testing.T) shop {
	t.Helper()
	c, _ := clickhousetest.Open(t)
	s := shop{logs.New(c), c, storage.TimeRange{}}
	at := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)
	s.rng = storage.TimeRange{Start: at, End: at.Add(time.Hour)}
	ld := plog.NewLogs()
	add := func(n int, service, tier string, after time.Duration) {
		rl := ld.ResourceLogs().AppendEmpty()
		if service != "" {
			rl.Resource().Attributes().PutStr("service.name", service)
		}
		rl.Resource().Attributes().PutStr("cloud.region", "eu")
		for i := range n {
			rec := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			rec.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(after)))
			rec.SetSeverityNumber(plog.SeverityNumberError)
			rec.Attributes().PutStr("user.tier", tier)
			rec.Attributes().PutInt("key."+tier, int64(i))
		}
	}
	add(5, "checkout", "Gold", time.Minute)
	add(3, "cart", "größe%_\\", time.Minute)
	add(3, "Checkout-2", "登录", time.Minute)
	add(2, "", "", time.Minute)
	add(9, "out-of-range", "late", 2*time.Hour)
	_, err := s.AppendLogs(t.Context(), "fields", storagetest.Requests(t, tenant.Default, ld))
	require.NoError(t, err)
	other := plog.NewLogs()
	ld.ResourceLogs().At(0).CopyTo(other.ResourceLogs().AppendEmpty())
	other.ResourceLogs().At(0).Resource().Attributes().PutStr("service.name", "of-another-tenant")
	_, err = s.AppendLogs(t.Context(), "other", storagetest.Requests(t, "other", other))
	require.NoError(t, err)
	return s
}

func TestFields(t *testing.T) {
	s := open(t)
	t.Run("keys", func(t *testing.T) { testKeys(t, s) })
	t.Run("values", func(t *testing.T) { testValues(t, s) })
	t.Run("facets", func(t *testing.T) { testFacets(t, s) })
	t.Run("errors", func(t *testing.T) { testErrors(t, s) })
	t.Run("bounds", func(t *testing.T) { testBounds(t, s) })
}

func testKeys(t *testing.T, s shop) {
	t.Helper()
	for text, want := range map[string][]string{
		"":        {"cloud.region", "key.", "key.Gold", "key.größe%_\\", "key.登录", "service.name", "user.tier"},
		"key.":    {"key.", "key.Gold", "key.größe%_\\", "key.登录"},
		"key.G":   {"key.Gold"},
		"KEY":     {},
		"key.登":   {"key.登录"},
		"key.gr%": {},
		"%":       {},
		"'":       {},
		"service": {"service.name"},
	} {
		got, err := s.AttributeKeys(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Text: text, Range: s.rng})
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
}

func testValues(t *testing.T, s shop) {
	t.Helper()
	tier := search.Field{Kind: search.FieldAttribute, Name: "user.tier"}
	for _, c := range []struct {
		field search.Field
		text  string
		want  []string
	}{
		{search.Field{Name: search.FieldService}, "", []string{"checkout", "Checkout-2", "cart", "unknown_service"}}, // most frequent first, then by name
		{search.Field{Name: search.FieldService}, "CHECK", []string{"checkout", "Checkout-2"}},
		{search.Field{Name: search.FieldService}, "unknown", []string{"unknown_service"}},
		{tier, "", []string{"Gold", "größe%_\\", "登录"}},
		{tier, "GRÖ", []string{"größe%_\\"}},
		{tier, "%_", []string{"größe%_\\"}},
		{tier, "_", []string{"größe%_\\"}},
		{tier, `\`, []string{"größe%_\\"}},
		{tier, "录", []string{"登录"}},
		{tier, "nothing", []string{}},
		{search.Field{Kind: search.FieldResource, Name: "cloud.region"}, "", []string{"eu"}},
		{search.Field{Kind: search.FieldAttribute, Name: "cloud.region"}, "", []string{}},
		{search.Field{Kind: search.FieldAnywhere, Name: "cloud.region"}, "e", []string{"eu"}},
		{search.Field{Name: search.FieldHost}, "", []string{}},
		{search.Field{Kind: search.FieldAttribute, Name: "no'such"}, "", []string{}},
	} {
		got, err := s.FieldValues(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Text: c.text, Range: s.rng}, c.field)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%v %q", c.field, c.text)
	}
}

func testFacets(t *testing.T, s shop) {
	t.Helper()
	f, err := search.Parse("logs", "-attr.user.tier:Gold")
	require.NoError(t, err)
	facets := []fields.Facet{{Field: "tier", SQL: "toString(LogAttributes['user.tier'])"}, {Field: "service", SQL: "toString(ServiceName)"}, {Field: "nothing", SQL: "''"}}
	got, err := s.Facets(t.Context(), storage.Selection{Tenant: tenant.Default, Range: s.rng, Filter: f}, facets)
	require.NoError(t, err)
	require.Equal(t, []storage.Facet{
		{Field: "tier", Values: []storage.FacetValue{{Value: "größe%_\\", Count: 3}, {Value: "登录", Count: 3}}, Distinct: 2},
		{Field: "service", Values: []storage.FacetValue{{Value: "Checkout-2", Count: 3}, {Value: "cart", Count: 3}, {Value: "unknown_service", Count: 2}}, Distinct: 3},
		{Field: "nothing"},
	}, got, "most frequent first, then by value; the rows of the filter alone")
	got, err = s.Facets(t.Context(), storage.Selection{Tenant: "other", Range: s.rng}, facets)
	require.NoError(t, err)
	require.Equal(t, []storage.FacetValue{{Value: "of-another-tenant", Count: 5}}, got[1].Values)
	whole, err := s.LogFacets(t.Context(), storage.Selection{Tenant: tenant.Default, Range: s.rng})
	require.NoError(t, err)
	for _, facet := range whole {
		if facet.Field == search.FieldLevel {
			require.Equal(t, []storage.FacetValue{{Value: "error", Count: 13}}, facet.Values)
		}
	}
}

func testErrors(t *testing.T, s shop) {
	t.Helper()
	backwards := storage.TimeRange{Start: s.rng.End, End: s.rng.Start}
	_, err := s.AttributeKeys(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Range: backwards})
	require.ErrorIs(t, err, storage.ErrBadQuery)
	_, err = s.AttributeKeys(t.Context(), storage.FieldQuery{Range: s.rng})
	require.ErrorIs(t, err, storage.ErrInvalid, "of no tenant")
	_, err = s.FieldValues(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Range: backwards}, search.Field{Name: search.FieldService})
	require.ErrorIs(t, err, storage.ErrBadQuery)
	_, err = s.FieldValues(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Range: s.rng}, search.Field{Name: search.FieldDuration})
	require.ErrorIs(t, err, storage.ErrBadQuery, "a field that log records do not have")
	_, err = s.Facets(t.Context(), storage.Selection{Tenant: tenant.Default, Range: backwards}, nil)
	require.ErrorIs(t, err, storage.ErrBadQuery)
	mine := errors.New("refused")
	r := fields.Reader{Condition: func(*client.Statement, storage.Selection) (string, error) { return "", mine }, Compiler: func(*client.Statement) *filter.Compiler { return nil }}
	_, err = r.AttributeKeys(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Range: s.rng})
	require.ErrorIs(t, err, mine)
}

// Facets have twenty values at most and completion a hundred: the most frequent ones.
func testBounds(t *testing.T, s shop) {
	t.Helper()
	ld := plog.NewLogs()
	recs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 120 {
		for range 1 + i/100 {
			rec := recs.AppendEmpty()
			rec.SetTimestamp(pcommon.NewTimestampFromTime(s.rng.Start.Add(3 * time.Hour)))
			rec.Attributes().PutStr("n", fmt.Sprintf("v%03d", i))
		}
	}
	_, err := s.AppendLogs(t.Context(), "many", storagetest.Requests(t, tenant.Default, ld))
	require.NoError(t, err)
	rng := storage.TimeRange{Start: s.rng.Start.Add(3 * time.Hour), End: s.rng.Start.Add(4 * time.Hour)}
	values, err := s.FieldValues(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Range: rng}, search.Field{Kind: search.FieldAttribute, Name: "n"})
	require.NoError(t, err)
	require.Len(t, values, 100)
	require.Equal(t, "v100 v101", strings.Join(values[:2], " "))
	facets, err := s.Facets(t.Context(), storage.Selection{Tenant: tenant.Default, Range: rng}, []fields.Facet{{Field: "n", SQL: "toString(LogAttributes['n'])"}})
	require.NoError(t, err)
	require.Len(t, facets[0].Values, 20)
	require.Equal(t, uint64(120), facets[0].Distinct)
	require.Equal(t, storage.FacetValue{Value: "v100", Count: 2}, facets[0].Values[0])
	require.Equal(t, storage.FacetValue{Value: "v119", Count: 2}, facets[0].Values[19])
}
