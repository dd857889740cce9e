// SPDX-License-Identifier: Apache-2.0

// Package search parses the language in which people look for spans and log records:
//
//	service:checkout level>=warn status:5xx duration>500ms "card declined" -route:/health attr.user.tier:gold
//
// The result is a Filter, which an engine compiles to its own language with every value bound. docs/reference/api.md
// says what the language means; testdata/*.test shows it case by case. Parsing never fails otherwise than with an *Error that
// names the position, and takes bounded time and stack for any input.
package search
