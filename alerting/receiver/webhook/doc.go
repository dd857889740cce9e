// SPDX-License-Identifier: Apache-2.0

// Package webhook is the type of notifier that posts to one URL.
//
// The body is Alertmanager's, version 4, so that its many receivers work. Headers follow Standard Webhooks 1.0.
package webhook
