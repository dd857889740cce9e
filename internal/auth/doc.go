// SPDX-License-Identifier: Apache-2.0

// Package auth decides who sends a request and what they may do.
//
// There are two ways in. Local: on a listener bound to loopback, in mode open, a request that comes from loopback, names a loopback
// host and was not sent by somebody else's web page needs no credentials. Otherwise: an API key as bearer token, or the cookie of a
// session that was opened with one. A listener on any other address always asks for credentials.
//
// Keys are 256 random bits behind a recognisable prefix; only their SHA-256 is stored. The answer to a refused key never tells
// whether it is unknown, expired or revoked. The first administrator of a server without keys comes in by a one-time link that is printed at
// the start; there is no default password.
package auth
