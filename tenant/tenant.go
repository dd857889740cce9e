// SPDX-License-Identifier: Apache-2.0

// Package tenant names whose data something is. A tenant is chosen by the key that a request comes with, by nothing in the request itself.
//
// It is a leaf: the gateway, the bus, the stores and the query side all import it.
package tenant

import (
	"errors"
	"fmt"
	"regexp"
)

// ID is the name of a tenant. The zero value is no tenant: stores refuse it, so that a query which forgot to say whose data it wants reads
// nobody's.
type ID string

// Default is the tenant of an installation that has one, of requests without credentials, and of what Strata says of itself.
const Default ID = "default"

// ErrInvalid says that a text is no name of a tenant.
var ErrInvalid = errors.New("not a name of a tenant")

// MaxBytes is the length of the longest name.
const MaxBytes = 63

// form is what a name looks like: it is the name of a directory as well, on any file system, and a label of a host name.
var form = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// Parse returns the tenant of this name: 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end. The error wraps ErrInvalid.
func Parse(name string) (ID, error) {
	if len(name) > MaxBytes || !form.MatchString(name) {
		return "", fmt.Errorf("%w: %q: 1 to %d lower-case letters, digits and hyphens, with no hyphen at either end", ErrInvalid, name, MaxBytes)
	}
	return ID(name), nil
}

// OrDefault is id, or Default where id is empty: for what was stored before there were tenants.
func (id ID) OrDefault() ID {
	if id == "" {
		return Default
	}
	return id
}
