// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Prometheus's translation either keeps every character of a name or makes "_" of all that are not ASCII letters and digits. To keep
// the letters of other scripts alone, they go through it as ASCII words and are put back before the samples are stored.
const (
	letterMark   = "zQ7uX"
	letterDigits = 6
)

// keptLetter says whether a character outside ASCII stays in a name. All but spaces and controls do: emoji tell names apart as well.
func keptLetter(r rune) bool {
	return r >= utf8.RuneSelf && r != utf8.RuneError && !unicode.IsSpace(r) && !unicode.IsControl(r)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// usable says whether something of a name is left after the translation.
func usable(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || keptLetter(r)
	})
}

// names makes names that the translation can take.
type names struct {
	// letters keeps characters outside ASCII, where the translation would not; escapes says that it makes "_" of what it does not know.
	letters, escapes bool
	// hidden is set when a name of the request was hidden from the translation.
	hidden bool
	keyOf  map[string]string // what hide made of a key
}

// hide returns name as the translation may see it. prefix goes before a name of which nothing would be left.
func (n *names) hide(name, prefix string) string {
	seen := name
	if !n.letters {
		seen = asciiOf(name)
	}
	switch {
	case n.escapes && !usable(seen):
		return prefix + hex.EncodeToString([]byte(name))
	case name == "":
		return prefix
	case !n.letters || isASCII(name):
		return name
	}
	var b strings.Builder
	for _, r := range name {
		switch {
		case keptLetter(r):
			fmt.Fprintf(&b, "%s%0*x", letterMark, letterDigits, r)
		case r >= utf8.RuneSelf:
			b.WriteByte('_')
		default:
			b.WriteRune(r)
		}
	}
	n.hidden = true
	return b.String()
}

func asciiOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '_'
		}
		return r
	}, s)
}

// shown puts the letters of a hidden name back.
func shown(name string) string {
	before, rest, ok := strings.Cut(name, letterMark)
	if !ok {
		return name
	}
	var b strings.Builder
	b.WriteString(before)
	for ok {
		before, rest, ok = strings.Cut(rest, letterMark)
		r, err := strconv.ParseUint(before[:min(letterDigits, len(before))], 16, 31)
		if err != nil || len(before) < letterDigits || !keptLetter(rune(r)) { // Not ours.
			b.WriteString(letterMark + before)
			continue
		}
		b.WriteRune(rune(r))
		b.WriteString(before[letterDigits:])
	}
	return b.String()
}

// request hides all names of md.
func (n *names) request(md pmetric.Metrics) {
	n.keyOf = map[string]string{}
	for _, rm := range md.ResourceMetrics().All() {
		n.keys(rm.Resource().Attributes())
		for _, sm := range rm.ScopeMetrics().All() {
			n.keys(sm.Scope().Attributes())
			if n.escapes {
				joinAlike(sm.Scope().Attributes())
			}
			for _, m := range sm.Metrics().All() {
				if name := n.hide(m.Name(), "unnamed_"); name != m.Name() {
					m.SetName(name)
				}
				eachPoint(m, n.keys)
			}
		}
	}
}

func (n *names) keys(attrs pcommon.Map) {
	var found []string
	for key := range attrs.All() {
		if !isASCII(key) || !usable(key) {
			found = append(found, key)
		}
	}
	for _, key := range found {
		to, ok := n.keyOf[key]
		if !ok {
			to = n.hide(key, "key_")
			n.keyOf[key] = to
		}
		if to != key {
			v, _ := attrs.Get(key)
			moved := pcommon.NewValueEmpty()
			v.MoveTo(moved)
			attrs.Remove(key)
			moved.MoveTo(attrs.PutEmpty(free(attrs, to)))
		}
	}
}

// joinAlike joins the values of attributes that become one label, by ";" and in the order of their keys, as the translation does it for
// those of points.
func joinAlike(attrs pcommon.Map) {
	if attrs.Len() < 2 {
		return
	}
	sorted := labels.FromMap(asText(attrs))
	if sorted.Len() != attrs.Len() { // An empty value is no label.
		attrs.RemoveIf(func(_ string, v pcommon.Value) bool { return v.AsString() == "" })
	}
	first := map[string]string{}
	sorted.Range(func(l labels.Label) {
		label := underscored(l.Name)
		to, ok := first[label]
		if !ok {
			first[label] = l.Name
			return
		}
		v, _ := attrs.Get(to)
		joined := v.AsString() + ";" + l.Value
		attrs.Remove(l.Name)
		attrs.PutStr(to, joined)
	})
}

func asText(attrs pcommon.Map) map[string]string {
	out := make(map[string]string, attrs.Len())
	for key, v := range attrs.All() {
		if text := v.AsString(); text != "" {
			out[key] = text
		}
	}
	return out
}

// underscored is a label's name as the translation writes it.
func underscored(key string) string {
	var b strings.Builder
	for _, r := range key {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			b.WriteRune(r)
		} else if !strings.HasSuffix(b.String(), "_") {
			b.WriteByte('_')
		}
	}
	return b.String()
}

// showingAppender puts the letters back into what it passes on.
type showingAppender struct {
	promstorage.AppenderV2
	builder labels.ScratchBuilder
	names   map[string]string
}

func (a *showingAppender) shown(name string) string {
	to, ok := a.names[name]
	if !ok {
		to = shown(name)
		a.names[name] = to
	}
	return to
}

// Append implements promstorage.AppenderV2.
func (a *showingAppender) Append(ref promstorage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts promstorage.AOptions) (promstorage.SeriesRef, error) { //nolint:revive // The interface is Prometheus's.
	a.builder.Reset()
	ls.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			l.Value = a.shown(l.Value)
		}
		a.builder.Add(a.shown(l.Name), l.Value)
	})
	a.builder.Sort()
	opts.MetricFamilyName = a.shown(opts.MetricFamilyName)
	return a.AppenderV2.Append(ref, a.builder.Labels(), st, t, v, h, fh, opts) // It only stands before the other.
}
