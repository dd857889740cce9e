// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"github.com/strata-apm/strata/search/wire"
)

// Numbers of opentelemetry-proto's fields that traces and log records share (collector, trace, logs, resource and common, v1).
const (
	requestResources = 1

	resourceItself = 1
	resourceScopes = 2
	resourceSchema = 3

	scopeItself  = 1
	scopeRecords = 2
	scopeSchema  = 3

	resourceAttributes = 1

	scopeName       = 1
	scopeVersion    = 2
	scopeAttributes = 3

	logBody = 5
)

// Resource is the resource of ResourceSpans or ResourceLogs, with its schema.
type Resource struct {
	// Key is the resource as it came; two of the same key are equal.
	Key        []byte
	Attributes Attributes
	Schema     []byte
}

// Scope is the scope of ScopeSpans or ScopeLogs, with its schema.
type Scope struct {
	Name, Version, Schema []byte
	Attributes            Attributes
}

// Each is told of every record of a request, and before the first one of a resource or a scope of that. The first error ends it. What is
// handed over is part of the body, or valid until the next call.
type Each struct {
	Resource func(*Resource) error
	Scope    func(*Scope) error
	Record   func(record []byte) error

	resource Resource
	scope    Scope
}

// Of walks a request.
func (e *Each) Of(body []byte) error {
	for f := wire.Of(body); f.Next(); {
		if f.Number != requestResources {
			continue
		}
		if err := e.ofResource(f.Bytes); err != nil {
			return err
		}
	}
	return nil
}

func (e *Each) ofResource(body []byte) error {
	o := &e.resource
	o.Key, o.Attributes, o.Schema = nil, o.Attributes[:0], nil
	records := false
	for f := wire.Of(body); f.Next(); {
		switch f.Number {
		case resourceItself:
			if o.Key == nil {
				o.Key = f.Bytes
			} else { // Messages that are there twice are one.
				o.Key = append(append([]byte(nil), o.Key...), f.Bytes...)
			}
			o.Attributes = attributes(o.Attributes, f.Bytes, resourceAttributes)
		case resourceScopes:
			records = true
		case resourceSchema:
			o.Schema = f.Bytes
		}
	}
	if !records {
		return nil
	}
	if err := e.Resource(o); err != nil {
		return err
	}
	for f := wire.Of(body); f.Next(); {
		if f.Number != resourceScopes {
			continue
		}
		if err := e.ofScope(f.Bytes); err != nil {
			return err
		}
	}
	return nil
}

func (e *Each) ofScope(body []byte) error {
	s := &e.scope
	s.Name, s.Version, s.Schema, s.Attributes = nil, nil, nil, s.Attributes[:0]
	for f := wire.Of(body); f.Next(); {
		switch f.Number {
		case scopeItself:
			s.read(f.Bytes)
		case scopeSchema:
			s.Schema = f.Bytes
		}
	}
	if err := e.Scope(s); err != nil {
		return err
	}
	for f := wire.Of(body); f.Next(); {
		if f.Number != scopeRecords {
			continue
		}
		if err := e.Record(f.Bytes); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scope) read(body []byte) {
	for f := wire.Of(body); f.Next(); {
		switch f.Number {
		case scopeName:
			s.Name = f.Bytes
		case scopeVersion:
			s.Version = f.Bytes
		case scopeAttributes:
			s.Attributes = append(s.Attributes, f.Bytes)
		}
	}
}

func attributes(to Attributes, body []byte, number int32) Attributes {
	for f := wire.Of(body); f.Next(); {
		if f.Number == number {
			to = append(to, f.Bytes)
		}
	}
	return to
}
