// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

func hashBytes(t *testing.T, yaml string) []byte {
	t.Helper()
	b, err := hex.DecodeString(HashOf(yaml))
	require.NoError(t, err)
	return b
}

func stringValue(s string) *protobufs.AnyValue {
	return &protobufs.AnyValue{Value: &protobufs.AnyValue_StringValue{StringValue: s}}
}

func TestDescription(t *testing.T) {
	var a storage.Agent
	require.True(t, apply(&a, &protobufs.AgentToServer{AgentDescription: &protobufs.AgentDescription{
		IdentifyingAttributes: []*protobufs.KeyValue{
			{Key: "service.version", Value: stringValue("1.2")}, {Key: "host.id", Value: stringValue("id\x00\xff")}, {Key: "", Value: stringValue("nameless")},
		},
		NonIdentifyingAttributes: []*protobufs.KeyValue{
			{Key: "host.name", Value: stringValue("web-1")},
			{Key: "os.type", Value: stringValue("linux")},
			{Key: labelHeartbeat, Value: stringValue("5s")},
			{Key: "cpus", Value: &protobufs.AnyValue{Value: &protobufs.AnyValue_IntValue{IntValue: 8}}},
			{Key: "vm", Value: &protobufs.AnyValue{Value: &protobufs.AnyValue_BoolValue{BoolValue: true}}},
			{Key: "load", Value: &protobufs.AnyValue{Value: &protobufs.AnyValue_DoubleValue{DoubleValue: 0.5}}},
			{Key: "nothing"},
			{Key: "long", Value: stringValue(strings.Repeat("é", maxLabel))},
		},
	}}))
	require.Equal(t, []string{"web-1", "id\uFFFD", "1.2", "linux"}, []string{a.HostName, a.HostID, a.Version, a.OS})
	require.Equal(t, 5*time.Second, a.Heartbeat)
	require.Equal(t, "8", a.Labels["cpus"])
	require.Equal(t, "true", a.Labels["vm"])
	require.NotContains(t, a.Labels, "load")
	require.NotContains(t, a.Labels, "nothing")
	require.NotContains(t, a.Labels, labelHeartbeat, "it is no attribute of the host")
	require.LessOrEqual(t, len(a.Labels["long"]), maxLabel)
	require.True(t, utf8.ValidString(a.Labels["long"]))

	require.True(t, apply(&a, &protobufs.AgentToServer{AgentDescription: &protobufs.AgentDescription{NonIdentifyingAttributes: []*protobufs.KeyValue{
		{Key: "os.type", Value: stringValue("linux")}, {Key: "os.description", Value: stringValue("Debian 13")}, {Key: labelHeartbeat, Value: stringValue("soon")},
	}}}))
	require.Equal(t, "Debian 13", a.OS)
	require.Empty(t, a.HostName, "what it does not say any more it does not have")
	require.Equal(t, 5*time.Second, a.Heartbeat)

	many := &protobufs.AgentDescription{}
	for i := range 3 * maxLabels {
		many.NonIdentifyingAttributes = append(many.NonIdentifyingAttributes, &protobufs.KeyValue{Key: fmt.Sprint("label ", i), Value: stringValue("x")})
	}
	describe(&a, many)
	require.Len(t, a.Labels, maxLabels)
}

func TestHealth(t *testing.T) {
	var a storage.Agent
	require.True(t, apply(&a, &protobufs.AgentToServer{Health: &protobufs.ComponentHealth{
		Healthy: true, Status: "running", StartTimeUnixNano: 1_700_000_000_000_000_000,
		ComponentHealthMap: map[string]*protobufs.ComponentHealth{"otlp": {Status: "stopped", LastError: strings.Repeat("e", 2*maxText)}},
	}}))
	require.True(t, a.Healthy)
	var h Health
	require.NoError(t, json.Unmarshal([]byte(a.Health), &h))
	require.Equal(t, time.Unix(1_700_000_000, 0).UTC(), *h.Started)
	require.Equal(t, "stopped", h.Parts["otlp"].Status)
	require.Len(t, h.Parts["otlp"].Error, maxText)
	require.True(t, apply(&a, &protobufs.AgentToServer{Health: &protobufs.ComponentHealth{LastError: "no\x00pe", StartTimeUnixNano: 1 << 63}}))
	require.False(t, a.Healthy)
	require.JSONEq(t, `{"healthy":false,"status":"","error":"nope"}`, a.Health)

	parts := map[string]*protobufs.ComponentHealth{}
	for i := range 3 * maxLabels {
		parts[strconv.Itoa(i)] = &protobufs.ComponentHealth{}
	}
	require.Len(t, healthOf(&protobufs.ComponentHealth{ComponentHealthMap: parts}).Parts, maxLabels)

	for text, want := range map[string]string{
		`{"error":"all of it"}`: "all of it",
		`{"parts":{"b":{"error":"second"},"a":{"healthy":true},"aa":{"error":"first"}}}`: "aa: first",
		`{"status":"starting"}`: "starting",
		`no JSON`:               "no JSON",
	} {
		require.Equal(t, want, healthError(text))
	}
}

func TestWhatElseAnAgentSays(t *testing.T) {
	var a storage.Agent
	require.False(t, apply(&a, &protobufs.AgentToServer{}), "it lives")
	require.True(t, apply(&a, &protobufs.AgentToServer{EffectiveConfig: &protobufs.EffectiveConfig{ConfigMap: &protobufs.AgentConfigMap{
		ConfigMap: map[string]*protobufs.AgentConfigFile{"": {Body: []byte(strings.Repeat("x", maxEffective) + "beyond")}},
	}}}))
	require.Len(t, a.Effective, maxEffective)
	for status, want := range map[protobufs.RemoteConfigStatuses]string{
		protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED: ConfigApplied, protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING: ConfigApplying,
		protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED: ConfigFailed, protobufs.RemoteConfigStatuses_RemoteConfigStatuses_UNSET: "",
	} {
		require.True(t, apply(&a, &protobufs.AgentToServer{RemoteConfigStatus: &protobufs.RemoteConfigStatus{
			Status: status, LastRemoteConfigHash: []byte{0xab}, ErrorMessage: "line\x00 3",
		}}))
		require.Equal(t, []string{"ab", want, "line 3"}, []string{a.ConfigHash, a.ConfigStatus, a.ConfigError})
	}

	board := func(capability, typ, data string) bool {
		return apply(&a, &protobufs.AgentToServer{CustomMessage: &protobufs.CustomMessage{Capability: capability, Type: typ, Data: []byte(data)}})
	}
	require.True(t, board(Capability, messageBoard, `{"queue":[1]}`))
	for _, ignored := range [][3]string{
		{"io.other", messageBoard, `{"x":1}`},
		{Capability, "other", `{"x":1}`},
		{Capability, messageBoard, `null`},
		{Capability, messageBoard, `{"x":`},
		{Capability, messageBoard, `{"x":"` + strings.Repeat("y", maxBoard) + `"}`},
	} {
		require.False(t, board(ignored[0], ignored[1], ignored[2]))
	}
	require.JSONEq(t, `{"queue":[1]}`, a.Board)

	require.True(t, apply(&a, &protobufs.AgentToServer{AgentDisconnect: &protobufs.AgentDisconnect{}}))
	require.True(t, a.Left)
	require.True(t, apply(&a, &protobufs.AgentToServer{}), "it is back, which is news")
	require.False(t, a.Left)
}
