// SPDX-License-Identifier: Apache-2.0

// Package ledger counts every data point, span and log record once per stage: received, refused (by reason), accepted, stored,
// rejected (by reason, after acceptance). The columns balance: received = accepted + refused, and
// accepted = stored + rejected + what the bus still holds.
//
// Accepted and stored are counted in the order of bus offsets, and the snapshot on disk names the offset up to which each was
// counted. After a crash the bus is read again from there, so a kill loses no count and counts nothing twice. Refusals since the
// last snapshot are lost by a kill: their senders were told.
package ledger
