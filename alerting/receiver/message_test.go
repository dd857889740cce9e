// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewMessage(t *testing.T) {
	alerts := make([]Alert, MaxAlerts+5)
	for i := range alerts {
		alerts[i] = Alert{Status: StatusResolved, Labels: map[string]string{"alertname": "a", "i": strconv.Itoa(i)}, Annotations: map[string]string{"s": "same"}}
	}
	alerts[MaxAlerts+1].Status = StatusFiring
	m := NewMessage(Group{Key: "k"}, alerts)
	require.Equal(t, StatusFiring, m.Status, "also when the firing one is cut off")
	require.Equal(t, 5, m.TruncatedAlerts)
	require.Len(t, m.Alerts, MaxAlerts)
	require.Equal(t, map[string]string{"alertname": "a"}, m.CommonLabels)
	require.Equal(t, map[string]string{"s": "same"}, m.CommonAnnotations)
}

// TestQueuedMessages: what an earlier release has left in the queue is read, and says the same when it is sent.
func TestQueuedMessages(t *testing.T) {
	const queued = `{"version":"4","groupKey":"{}/{rule_group=\"api/1\"}:{alertname=\"A\"}","truncatedAlerts":0,"status":"firing","receiver":"pager",` +
		`"groupLabels":{"alertname":"A"},"commonLabels":{"alertname":"A"},"commonAnnotations":{},"externalURL":"http://strata.example","alerts":[` +
		`{"status":"firing","labels":{"alertname":"A"},"annotations":{},"startsAt":"2026-01-02T03:04:05Z","endsAt":"0001-01-01T00:00:00Z",` +
		`"generatorURL":"http://strata.example/alerts","fingerprint":"0011223344556677"}]}`
	var m Message
	require.NoError(t, json.Unmarshal([]byte(queued), &m))
	again, err := json.Marshal(m)
	require.NoError(t, err)
	require.JSONEq(t, queued, string(again))
}

func TestCommonOfNothingInCommon(t *testing.T) {
	m := NewMessage(Group{Key: "k", Receiver: "r", ExternalURL: "u"}, []Alert{
		{Status: StatusFiring, Labels: map[string]string{"a": "1", "b": "1"}},
		{Status: StatusResolved, Labels: map[string]string{"a": "2"}, Annotations: map[string]string{"s": "x"}},
	})
	require.Empty(t, m.CommonLabels)
	require.Empty(t, m.CommonAnnotations)
	require.Zero(t, m.TruncatedAlerts)
	require.Equal(t, []string{"k", "r", "u", "4"}, []string{m.GroupKey, m.Receiver, m.ExternalURL, m.Version})
}
