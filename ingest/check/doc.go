// SPDX-License-Identifier: Apache-2.0

// Package check holds the limits of one record, and applies them to spans, log records and data points as pdata has them, whatever protocol they came by. What
// cannot be kept is taken out with a reason, what is too long is cut, and both are counted in a Tally.
package check
