// SPDX-License-Identifier: Apache-2.0

// Package webhook sends one notification to one URL that a user entered.
//
// The body is Alertmanager's, version 4, so that its many receivers work. Headers follow Standard Webhooks 1.0. The address is
// checked at the moment of dialling, after every resolution, so that a name that resolves to something else the second time, an
// address in an unusual notation, or a redirect reaches nothing it should not. The answer is read only as far as it is shown.
package webhook
