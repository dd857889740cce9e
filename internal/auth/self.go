// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/rand"
	"crypto/subtle"
)

// Self is the password that a server makes for its own telemetry. It lives in memory only and allows ingest and nothing else.
// The zero value stands for a server that sends none, and nothing matches it.
type Self struct{ name, secret string }

// NewSelf makes a password; name is the source in the ledger.
func NewSelf(name string) Self { return Self{name: name, secret: rand.Text()} }

// Header is the value of the authorization header, empty where there is no password.
func (s Self) Header() string {
	if s.secret == "" {
		return ""
	}
	return "Bearer " + s.secret
}

// matches compares in constant time.
func (s Self) matches(token string) bool {
	return s.secret != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.secret)) == 1
}

func (s Self) principal() Principal {
	return Principal{Name: s.name, Scopes: []Scope{ScopeIngest}}
}
