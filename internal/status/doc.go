// SPDX-License-Identifier: Apache-2.0

// Package status is what a process says of itself and of the others: the state of its parts, whether it is ready, how far what was accepted has been stored, and the account of
// all records.
package status
