// SPDX-License-Identifier: Apache-2.0

package tenant

import "context"

type contextKey struct{}

// NewContext returns a context of work that is done for the tenant.
func NewContext(ctx context.Context, id ID) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// FromContext returns whom the work is done for, the zero value where nobody has said.
func FromContext(ctx context.Context) ID {
	id, _ := ctx.Value(contextKey{}).(ID)
	return id
}
