// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
)

const capabilities = uint64(protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus |
	protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig | protobufs.AgentCapabilities_AgentCapabilities_ReportsEffectiveConfig |
	protobufs.AgentCapabilities_AgentCapabilities_ReportsHealth | protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig |
	protobufs.AgentCapabilities_AgentCapabilities_ReportsHeartbeat)

// texts are what one agent says of itself.
type texts struct {
	uid       [16]byte
	host      string
	heartbeat time.Duration
	started   time.Time
}

func newTexts(number int, heartbeat time.Duration) texts {
	a := texts{host: fmt.Sprintf("host-%05d.example.com", number), heartbeat: heartbeat, started: time.Now()}
	copy(a.uid[:], "benchmark")
	a.uid[6], a.uid[8] = 0x70, 0x80                          // A UUID of version 7.
	binary.BigEndian.PutUint32(a.uid[12:], uint32(number+1)) //nolint:gosec // Some ten thousand.
	return a
}

// fill adds everything an agent says when it is asked for all.
func (a *texts) fill(m *protobufs.AgentToServer) {
	text := func(k, v string) *protobufs.KeyValue {
		return &protobufs.KeyValue{Key: k, Value: &protobufs.AnyValue{Value: &protobufs.AnyValue_StringValue{StringValue: v}}}
	}
	m.AgentDescription = &protobufs.AgentDescription{
		IdentifyingAttributes: []*protobufs.KeyValue{
			text("service.name", "strata-agent"), text("service.version", "bench"), text("service.instance.id", fmt.Sprintf("%x", a.uid)),
		},
		NonIdentifyingAttributes: []*protobufs.KeyValue{
			text("host.name", a.host), text("host.id", fmt.Sprintf("%032x", a.uid)), text("host.arch", "amd64"), text("os.type", "linux"),
			text("os.description", "Debian GNU/Linux 12 (bookworm)"), text("deployment.environment.name", "production"),
			text("strata.heartbeat", a.heartbeat.String()),
		},
	}
	m.Health = a.health(time.Now())
	m.CustomCapabilities = &protobufs.CustomCapabilities{Capabilities: []string{boardCapability}}
	m.EffectiveConfig = &protobufs.EffectiveConfig{ConfigMap: &protobufs.AgentConfigMap{ConfigMap: map[string]*protobufs.AgentConfigFile{
		"": {Body: []byte(effectiveConfig()), ContentType: "text/yaml"},
	}}}
}

func (a *texts) health(now time.Time) *protobufs.ComponentHealth {
	return &protobufs.ComponentHealth{
		Healthy: true, Status: "running", StartTimeUnixNano: uint64(a.started.UnixNano()), StatusTimeUnixNano: uint64(now.UnixNano()),
	}
}

const boardCapability = "io.strata.status"

// board is the status board of an agent with two middleware servers and three log files. Its counts change each time, as a real one's do.
func (a *texts) board(now time.Time) *protobufs.CustomMessage {
	type object = map[string]any
	total := now.Unix() % 1_000_000 * 35
	pipeline := func(n int64) object { return object{"total": total * n, "per_minute": 35.5 * float64(n)} }
	queue := func(signal string) object {
		return object{"signal": signal, "requests": 0, "bytes": 0, "limit_bytes": 178956970, "oldest_seconds": 0}
	}
	source := func(name string) object {
		return object{"name": name, "files": 1, "lines": total, "bytes": total * 160, "held": 0, "dropped": 0, "masked": 0, "error": ""}
	}
	server := func(kind, addr string) object {
		return object{"kind": kind, "address": addr, "state": "collecting", "version": "7.2.4", "series": 64, "missing": []string{}, "error": ""}
	}
	text, err := json.Marshal(object{
		"clock": object{"offset_seconds": rand.Float64() / 10, "uncertainty_seconds": 0.05}, //nolint:gosec // Made up.
		"logs":  []object{source("/var/log/syslog"), source("/var/log/nginx/access.log"), source("/var/log/app/app.log")},
		"queue": []object{queue("metrics"), queue("logs")}, "middleware": []object{server("redis", "127.0.0.1:6379"), server("nginx", "127.0.0.1:80")},
		"volume": object{"at": float64(now.UnixMilli()) / 1000, "config": "", "pipelines": object{
			"metrics/host": pipeline(60), "metrics/middleware": pipeline(12), "logs/files": pipeline(7),
		}},
	})
	if err != nil {
		return nil // It is made of numbers and texts.
	}
	return &protobufs.CustomMessage{Capability: boardCapability, Type: "board", Data: text}
}

// effectiveConfig is as long as that of an agent that reads some files.
func effectiveConfig() string {
	var b strings.Builder
	b.WriteString("server: {endpoint: 'gateway.example.com:4317', compression: gzip}\nhost: {enabled: true, interval: 10s, processes: 20}\nlogs:\n")
	for _, f := range []string{"/var/log/syslog", "/var/log/nginx/access.log", "/var/log/app/app.log"} {
		b.WriteString("  - include: [" + f + "]\n    start_at: end\n    join: auto\n    parse: auto\n    mask: {enabled: true}\n    rate: {bytes_per_second: 10485760}\n")
	}
	b.WriteString("middleware: {enabled: true, interval: 10s}\nattributes: {deployment.environment.name: production, team: payments}\n")
	return b.String()
}
