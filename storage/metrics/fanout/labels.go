// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// LabelNames implements promstorage.LabelQuerier: in order, each name once.
func (b *base) LabelNames(ctx context.Context, hints *promstorage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return b.names(ctx, http.MethodPost, "/labels", hints, matchers)
}

// LabelValues implements promstorage.LabelQuerier: in order, each value once.
func (b *base) LabelValues(ctx context.Context, name string, hints *promstorage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	path := "/label/" + url.PathEscape(model.EscapeName(name, model.ValueEncodingEscaping)) + "/values"
	return b.names(ctx, http.MethodGet, path, hints, matchers)
}

// names asks every writer for a list of words and merges the lists.
func (b *base) names(ctx context.Context, method, path string, hints *promstorage.LabelHints, matchers []*labels.Matcher) ([]string, annotations.Annotations, error) {
	clients, err := b.writers(ctx)
	if err != nil {
		return nil, nil, err
	}
	form := b.form(matchers)
	limit := 0
	if hints != nil && hints.Limit > 0 {
		limit = hints.Limit
		form.Set("limit", strconv.Itoa(limit))
	}
	type list struct {
		words    []string
		warnings []string
	}
	lists, warnings, err := ask(ctx, clients, b.storage.strict, func(ctx context.Context, c *client) (l list, err error) {
		l.warnings, err = c.call(ctx, method, path, form, b.budget.limit, &l.words)
		return l, err
	})
	if err != nil {
		return nil, nil, err
	}
	var out []string
	for _, l := range lists {
		out = append(out, l.words...)
		for _, w := range l.warnings {
			warnings.Add(errorText(w))
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out, warnings, nil
}

// errorText is a warning that a writer gave, kept word for word so that the same one of two writers is one.
type errorText string

func (e errorText) Error() string { return string(e) }

// selector writes matchers as PromQL. The API refuses a selector that matches the empty string everywhere; every series has a name,
// so that asking for one changes nothing.
func selector(matchers []*labels.Matcher) string {
	var b strings.Builder
	b.WriteByte('{')
	allEmpty := true
	for i, m := range matchers {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m.String())
		allEmpty = allEmpty && m.Matches("")
	}
	if allEmpty {
		if len(matchers) > 0 {
			b.WriteByte(',')
		}
		b.WriteString(model.MetricNameLabel + `!=""`)
	}
	b.WriteByte('}')
	return b.String()
}

// farTime is past any time a form can carry exactly; the API's default has no bound.
const farTime = 1 << 50 // milliseconds

func setTime(form url.Values, key string, ms int64) {
	if ms > -farTime && ms < farTime {
		form.Set(key, strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64))
	}
}
