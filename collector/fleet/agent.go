// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
)

// Agent is what the client speaks for. Safe for concurrent use.
type Agent interface {
	// Effective returns the configuration it runs with, without secrets.
	Effective() string
	// Health returns how it and its parts are.
	Health() Health
	// Pushed returns what became of the configuration that was offered last; the zero value when there was none.
	Pushed() Pushed
	// Offer takes a configuration and returns at once. Changed tells when Pushed says more of it.
	Offer(hash, text []byte)
	// Changed receives a value after what the other methods return has changed. It is for one reader.
	Changed() <-chan struct{}
}

// Health is how an agent or a part of it is.
type Health struct {
	Healthy bool
	Status  string
	Error   string
	Started time.Time
	Parts   map[string]Health
}

func (h Health) proto() *protobufs.ComponentHealth {
	out := &protobufs.ComponentHealth{Healthy: h.Healthy, Status: h.Status, LastError: h.Error}
	if !h.Started.IsZero() {
		out.StartTimeUnixNano = uint64(h.Started.UnixNano())
	}
	for name, part := range h.Parts {
		if out.ComponentHealthMap == nil {
			out.ComponentHealthMap = map[string]*protobufs.ComponentHealth{}
		}
		out.ComponentHealthMap[name] = part.proto()
	}
	return out
}

// PushedState is how far a pushed configuration is.
type PushedState int

// The states of a pushed configuration.
const (
	None PushedState = iota
	Applying
	Applied
	Failed
)

// Pushed is what became of a configuration.
type Pushed struct {
	Hash  []byte
	State PushedState
	// Error says why it failed.
	Error string
}

func (p Pushed) proto() *protobufs.RemoteConfigStatus {
	out := &protobufs.RemoteConfigStatus{LastRemoteConfigHash: p.Hash, ErrorMessage: p.Error}
	switch p.State {
	case Applying:
		out.Status = protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING
	case Applied:
		out.Status = protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED
	case Failed:
		out.Status = protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED
	case None:
		out.Status = protobufs.RemoteConfigStatuses_RemoteConfigStatuses_UNSET
	}
	return out
}

// attributes makes key values, in no order.
func attributes(values map[string]string) []*protobufs.KeyValue {
	out := make([]*protobufs.KeyValue, 0, len(values))
	for k, v := range values {
		out = append(out, &protobufs.KeyValue{Key: k, Value: &protobufs.AnyValue{Value: &protobufs.AnyValue_StringValue{StringValue: v}}})
	}
	return out
}
