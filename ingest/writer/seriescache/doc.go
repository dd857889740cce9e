// SPDX-License-Identifier: Apache-2.0

// Package seriescache finds the series of OTLP's data points by the bytes they came as.
//
// Senders write the same resource, scope, metric and attributes again and again, and only times and values change. Prometheus's translation
// builds, sorts and hashes the labels of each point anew. So what it made of a point is kept under a hash of everything in the request that
// decides on it; when the same bytes come again, the samples are appended by the reference of their series. Whatever is not known, or is not
// as encoders write it, is translated.
package seriescache
