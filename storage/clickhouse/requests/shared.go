// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/storage/clickhouse/native"
	"github.com/strata-apm/strata/storage/clickhouse/nested"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
)

// Shared are the columns that say of spans and of log records where they are from: their owner adds them to its block and calls Origin, Scope
// and Row.
type Shared struct {
	Service, Environment, Host, Language native.LowCardinality
	ResourceSchema, ScopeSchema          native.LowCardinality
	ScopeName, ScopeVersion              native.LowCardinality
	Resource, ScopeAttributes, Nested    native.Map

	known map[string]*origin // by Origin.Key
	// origin and scope are those of the rows that come, as they came in from and scope.
	origin      *origin
	from        *Origin
	scope       *Scope
	scopeMark   native.Mark
	scopeMarked bool
}

// origin is what is known of a resource in the block.
type origin struct {
	resource.Resource
	attributes pcommon.Map
	// mark is where the first row of its attributes lies, which the others copy.
	mark   native.Mark
	marked bool
	maps   bool // A value among the attributes is a map.
}

// Forget forgets what was read. The columns are reset with the block.
func (s *Shared) Forget() {
	clear(s.known)
	s.origin, s.from, s.scope = nil, nil, nil
}

// Origin begins the records of a resource.
func (s *Shared) Origin(o *Origin) error {
	s.from = o
	if s.origin = s.known[string(o.Key)]; s.origin != nil {
		return nil
	}
	attrs, err := o.Attributes.Decode()
	if err != nil {
		return err
	}
	s.origin = &origin{Resource: resource.Read(attrs), attributes: attrs}
	if s.known == nil {
		s.known = map[string]*origin{}
	}
	s.known[string(o.Key)] = s.origin
	return nil
}

// Scope begins the records of a scope.
func (s *Shared) Scope(sc *Scope) error {
	s.scope, s.scopeMarked = sc, false
	return nil
}

// Row appends a row for a record with attributes; maps says that a value among those is a map.
func (s *Shared) Row(attrs Attributes, maps bool) error {
	if err := s.marks(); err != nil {
		return err
	}
	s.Service.Append(s.origin.Service)
	s.Environment.Append(s.origin.Environment)
	s.Host.Append(s.origin.Host)
	s.Language.Append(s.origin.Language)
	s.ResourceSchema.AppendBytes(s.from.Schema)
	s.ScopeSchema.AppendBytes(s.scope.Schema)
	s.ScopeName.AppendBytes(s.scope.Name)
	s.ScopeVersion.AppendBytes(s.scope.Version)
	if !maps && !s.origin.maps {
		s.Nested.EndRow(0)
		return nil
	}
	record, err := attrs.Decode()
	if err != nil {
		return err
	}
	nested.Append(&s.Nested, record, s.origin.attributes)
	return nil
}

// marks appends a row of the attributes of the resource and the scope.
func (s *Shared) marks() error {
	o := s.origin
	if o.marked {
		s.Resource.AppendCopy(o.mark)
	} else {
		start := s.Resource.Begin()
		row, err := s.from.Attributes.Append(&s.Resource)
		if err != nil {
			return err
		}
		o.mark, o.marked, o.maps = s.Resource.MarkOf(start), true, row.Maps
	}
	if s.scopeMarked {
		s.ScopeAttributes.AppendCopy(s.scopeMark)
		return nil
	}
	start := s.ScopeAttributes.Begin()
	if _, err := s.scope.Attributes.Append(&s.ScopeAttributes); err != nil {
		return err
	}
	s.scopeMark, s.scopeMarked = s.ScopeAttributes.MarkOf(start), true
	return nil
}
