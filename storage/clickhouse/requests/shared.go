// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/storage/clickhouse/native"
	"github.com/strata-apm/strata/storage/clickhouse/nested"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
)

// Shared are the columns that say of spans and of log records where they are from: their owner adds them to its block and calls Resource,
// Scope and Row.
type Shared struct {
	Service, Environment, Host, Language native.LowCardinality
	ResourceSchema, ScopeSchema          native.LowCardinality
	ScopeName, ScopeVersion              native.LowCardinality
	ResourceAttributes, ScopeAttributes  native.Map
	Nested                               native.Map

	known map[string]*knownResource // by Resource.Key
	// resource and scope are those of the rows that come; from is the resource as it came.
	resource    *knownResource
	from        *Resource
	scope       *Scope
	scopeMark   native.Mark
	scopeMarked bool
}

// knownResource is a resource that the block has rows of.
type knownResource struct {
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
	s.resource, s.from, s.scope = nil, nil, nil
}

// Resource begins the records of a resource.
func (s *Shared) Resource(r *Resource) error {
	s.from = r
	if s.resource = s.known[string(r.Key)]; s.resource != nil {
		return nil
	}
	attrs, err := r.Attributes.Decode()
	if err != nil {
		return err
	}
	s.resource = &knownResource{Resource: resource.Read(attrs), attributes: attrs}
	if s.known == nil {
		s.known = map[string]*knownResource{}
	}
	s.known[string(r.Key)] = s.resource
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
	s.Service.Append(s.resource.Service)
	s.Environment.Append(s.resource.Environment)
	s.Host.Append(s.resource.Host)
	s.Language.Append(s.resource.Language)
	s.ResourceSchema.AppendBytes(s.from.Schema)
	s.ScopeSchema.AppendBytes(s.scope.Schema)
	s.ScopeName.AppendBytes(s.scope.Name)
	s.ScopeVersion.AppendBytes(s.scope.Version)
	if !maps && !s.resource.maps {
		s.Nested.EndRow(0)
		return nil
	}
	record, err := attrs.Decode()
	if err != nil {
		return err
	}
	nested.Append(&s.Nested, record, s.resource.attributes)
	return nil
}

// marks appends a row of the attributes of the resource and the scope.
func (s *Shared) marks() error {
	r := s.resource
	if r.marked {
		s.ResourceAttributes.AppendCopy(r.mark)
	} else {
		start := s.ResourceAttributes.Begin()
		row, err := s.from.Attributes.Append(&s.ResourceAttributes)
		if err != nil {
			return err
		}
		r.mark, r.marked, r.maps = s.ResourceAttributes.MarkOf(start), true, row.Maps
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
