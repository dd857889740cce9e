// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"

	"github.com/strata-apm/strata/storage"
)

const (
	// Capability names the custom messages that carry the status board; messageBoard is their type.
	Capability   = "io.strata.status"
	messageBoard = "board"

	maxLabels    = 64
	maxLabel     = 1 << 10
	maxText      = 4 << 10
	maxBoard     = 512 << 10
	maxEffective = 512 << 10

	labelHeartbeat = "strata.heartbeat"
)

// The states of a configuration on an agent, as the agent says.
const (
	ConfigApplied  = "applied"
	ConfigApplying = "applying"
	ConfigFailed   = "failed"
)

// apply takes over what a message says of an agent and reports whether it says anything beside that it lives.
func apply(a *storage.Agent, m *protobufs.AgentToServer) (changed bool) {
	if d := m.GetAgentDescription(); d != nil {
		describe(a, d)
		changed = true
	}
	if h := m.GetHealth(); h != nil {
		text, err := json.Marshal(healthOf(h))
		if err == nil {
			a.Healthy, a.Health, changed = h.GetHealthy(), string(text), true
		}
	}
	if e := m.GetEffectiveConfig(); e != nil {
		for _, f := range e.GetConfigMap().GetConfigMap() {
			a.Effective, changed = clip(string(f.GetBody()), maxEffective), true
		}
	}
	if s := m.GetRemoteConfigStatus(); s != nil {
		a.ConfigHash, a.ConfigStatus = hex.EncodeToString(s.GetLastRemoteConfigHash()), configStatus(s.GetStatus())
		a.ConfigError, changed = clip(s.GetErrorMessage(), maxText), true
	}
	if c := m.GetCustomMessage(); c.GetCapability() == Capability && c.GetType() == messageBoard && len(c.GetData()) <= maxBoard {
		var sections map[string]json.RawMessage
		if json.Unmarshal(c.GetData(), &sections) == nil && sections != nil {
			a.Board, changed = clean(string(c.GetData())), true
		}
	}
	if m.GetAgentDisconnect() != nil {
		a.Left, changed = true, true
	} else if a.Left {
		a.Left, changed = false, true
	}
	return changed
}

func describe(a *storage.Agent, d *protobufs.AgentDescription) {
	labels := map[string]string{}
	for _, kv := range append(append([]*protobufs.KeyValue{}, d.GetIdentifyingAttributes()...), d.GetNonIdentifyingAttributes()...) {
		if len(labels) == maxLabels {
			break
		}
		if v, ok := text(kv.GetValue()); ok && kv.GetKey() != "" {
			labels[clip(kv.GetKey(), maxLabel)] = clip(v, maxLabel)
		}
	}
	a.HostName, a.HostID, a.Version, a.OS = labels["host.name"], labels["host.id"], labels["service.version"], labels["os.description"]
	if a.OS == "" {
		a.OS = labels["os.type"]
	}
	if beat, err := time.ParseDuration(labels[labelHeartbeat]); err == nil {
		a.Heartbeat = beat
	}
	delete(labels, labelHeartbeat)
	a.Labels = maps.Clone(labels)
}

func text(v *protobufs.AnyValue) (string, bool) {
	switch v := v.GetValue().(type) {
	case *protobufs.AnyValue_StringValue:
		return v.StringValue, true
	case *protobufs.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10), true
	case *protobufs.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue), true
	default:
		return "", false
	}
}

// Health is what an agent says of itself and its parts.
type Health struct {
	Healthy bool              `json:"healthy"`
	Status  string            `json:"status"`
	Error   string            `json:"error,omitempty"`
	Started *time.Time        `json:"started,omitempty"`
	Parts   map[string]Health `json:"parts,omitempty"`
}

func healthOf(h *protobufs.ComponentHealth) Health {
	out := Health{Healthy: h.GetHealthy(), Status: clip(h.GetStatus(), maxLabel), Error: clip(h.GetLastError(), maxText)}
	if ns := h.GetStartTimeUnixNano(); ns > 0 && ns < 1<<62 {
		at := time.Unix(0, int64(ns)).UTC()
		out.Started = &at
	}
	for name, part := range h.GetComponentHealthMap() {
		if out.Parts == nil {
			out.Parts = map[string]Health{}
		}
		if len(out.Parts) < maxLabels {
			out.Parts[clip(name, maxLabel)] = Health{
				Healthy: part.GetHealthy(), Status: clip(part.GetStatus(), maxLabel), Error: clip(part.GetLastError(), maxText),
			}
		}
	}
	return out
}

func configStatus(s protobufs.RemoteConfigStatuses) string {
	switch s {
	case protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED:
		return ConfigApplied
	case protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING:
		return ConfigApplying
	case protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED:
		return ConfigFailed
	default:
		return ""
	}
}

// clip cuts a text and takes out what a catalog cannot hold.
func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return clean(s)
}

func clean(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "") }
