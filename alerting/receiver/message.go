// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"maps"
	"time"
)

const (
	// version is that of the message format.
	version = "4"
	// MaxAlerts bounds the alerts of one message; the rest is counted in TruncatedAlerts.
	MaxAlerts = 100
)

// The values of Status.
const (
	StatusFiring   = "firing"
	StatusResolved = "resolved"
)

// Message is what a notification says. It is kept in the queue as JSON, which is what Alertmanager sends to webhooks
// (github.com/prometheus/alertmanager, notify/webhook and template.Data, Apache-2.0).
type Message struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []Alert           `json:"alerts"`
}

// Alert is one alert of a message. EndsAt is the zero time while it fires.
type Alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// Group is what a message says about its alerts together.
type Group struct {
	Key         string
	Labels      map[string]string
	Receiver    string
	ExternalURL string
}

// NewMessage makes a message of the alerts, which are not empty and come in the order they are to be shown.
func NewMessage(g Group, alerts []Alert) Message {
	m := Message{
		Version: version, GroupKey: g.Key, Status: StatusResolved, Receiver: g.Receiver, GroupLabels: g.Labels, ExternalURL: g.ExternalURL,
		CommonLabels: common(alerts, func(a Alert) map[string]string { return a.Labels }),
		CommonAnnotations: common(alerts, func(a Alert) map[string]string {
			return a.Annotations
		}),
	}
	for _, a := range alerts {
		if a.Status == StatusFiring {
			m.Status = StatusFiring
		}
	}
	if len(alerts) > MaxAlerts {
		m.TruncatedAlerts = len(alerts) - MaxAlerts
		alerts = alerts[:MaxAlerts]
	}
	m.Alerts = alerts
	return m
}

// common returns the pairs that all alerts have.
func common(alerts []Alert, of func(Alert) map[string]string) map[string]string {
	out := make(map[string]string)
	for i, a := range alerts {
		kv := of(a)
		if i == 0 {
			maps.Copy(out, kv)
			continue
		}
		for k, v := range out {
			if w, ok := kv[k]; !ok || w != v {
				delete(out, k)
			}
		}
	}
	return out
}
