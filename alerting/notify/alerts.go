// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/strata-apm/strata/alerting/receiver"
)

// fingerprint is Alertmanager's identity of an alert: a hash of its labels.
func fingerprint(ls labels.Labels) model.Fingerprint {
	set := make(model.LabelSet, ls.Len())
	ls.Range(func(l labels.Label) { set[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
	return set.Fingerprint()
}

// withExternal adds the external labels that the alert does not have itself.
func withExternal(ls, external labels.Labels) labels.Labels {
	if external.IsEmpty() {
		return ls
	}
	b := labels.NewBuilder(ls)
	external.Range(func(l labels.Label) {
		if ls.Get(l.Name) == "" {
			b.Set(l.Name, l.Value)
		}
	})
	return b.Labels()
}

// inOrder lists the firing alerts before the resolved ones, the oldest first.
func inOrder(firing map[string]receiver.Alert, resolved []receiver.Alert) []receiver.Alert {
	byStart := func(a, b receiver.Alert) int {
		return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.Fingerprint, b.Fingerprint))
	}
	out := make([]receiver.Alert, 0, len(firing)+len(resolved))
	for _, a := range firing {
		out = append(out, a)
	}
	slices.SortFunc(out, byStart)
	slices.SortFunc(resolved, byStart)
	return append(out, resolved...)
}
