// SPDX-License-Identifier: Apache-2.0

// Package hosts describes machines from the metrics that OpenTelemetry's host metrics receiver sends, by PromQL.
//
// A host is a value of the label host_name on the system_* series. Nothing about hosts is stored apart from those series.
package hosts
