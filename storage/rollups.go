// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"time"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/tenant"
)

// RollupRows are the rows that a batch makes for one rollup.
type RollupRows struct {
	Tenant tenant.ID
	// State names whose states these are: the id of the rollup and the version of its definition. States of different names never mix.
	State  string
	Rows   []RollupRow
	Hidden []RollupHidden
}

// RollupRow is a row and when it may be forgotten.
type RollupRow struct {
	rollup.Row
	// Expires is the first moment at which the row is not read any more; the zero time keeps it for ever. Like the rest of a row it must be the same
	// when the batch is stored again.
	Expires time.Time
}

// RollupHidden is what was folded in an hour and when that may be forgotten.
type RollupHidden struct {
	rollup.Hidden
	Expires time.Time // as that of a row
}

// RollupAppender stores states of rollups. Safe for concurrent use.
type RollupAppender interface {
	// AppendRollups stores the rows of a batch, all or nothing, and returns when they are fsynced and visible; once however often it is called with the
	// same id. Rows of one state, step, time and combination add up with those that are there. Its errors are those of TraceAppender.
	AppendRollups(ctx context.Context, id BatchID, batch []RollupRows) error
}

// RollupQuery asks for states of one rollup.
type RollupQuery struct {
	State string
	Range TimeRange
	// Step chooses the width of the buckets that are read.
	Step time.Duration
	// Every is the width of the buckets of the answer, a multiple of Step; they begin at multiples of it since 1970, the first one perhaps before
	// Range.Start. 0 adds up the whole range, with Range.Start as time and its length as step.
	Every time.Duration
	// Group are the dimensions that the answer keeps apart, by index and rising; the values of others are "" and not folded in the answer, which has
	// rollup.MaxDimensions values in every row.
	Group []int
	// Where are conditions that all have to hold.
	Where []RollupCondition
	// Inputs are those whose states are wanted, by index and rising; others come back zero, and those behind the last one not at all.
	Inputs []int
	// NoSketches and NoRegisters leave these parts of all inputs zero: they are most of what there is to read, and merging them is most of the work.
	NoSketches, NoRegisters bool
	// Limit is the most rows; more are ErrLimit. 0 is 1 000 000.
	Limit int
}

// RollupCondition is about the value of one dimension.
type RollupCondition struct {
	Dimension int
	// Values of which it must have one, or with Not none. A folded value is none of them.
	Values []string
	Not    bool
	// Folded says what becomes of folded values, whatever Values says: with true they hold, with false they do not.
	Folded bool
}

// RollupReader answers from states. Safe for concurrent use.
type RollupReader interface {
	// RollupRows returns rows by time, then by the values of Group.
	RollupRows(ctx context.Context, owner tenant.ID, q RollupQuery) ([]rollup.Row, error)
	// RollupHidden returns what was folded, by hour, with rollup.MaxDimensions dimensions each.
	RollupHidden(ctx context.Context, owner tenant.ID, state string, r TimeRange) ([]rollup.Hidden, error)
	// RollupBytes is what the states of a rollup take on disk, about, and how many rows they are.
	RollupBytes(ctx context.Context, owner tenant.ID, state string) (bytes, rows uint64, err error)
	// DropRollup forgets the states of a name. It returns when nothing of them is read any more; the disk may be freed later.
	DropRollup(ctx context.Context, owner tenant.ID, state string) error
}

// Rollup is a definition as the catalog keeps it. Each change makes a new version; the earlier ones are kept.
type Rollup struct {
	ID      string
	Tenant  tenant.ID
	Name    string // one of a kind among those of a tenant
	Version int    // from 1
	// Definition is a JSON object, opaque to the store.
	Definition string
	// Paused is of the rollup, not of a version: it is that of the last PutRollup or PauseRollup in all of them.
	Paused    bool
	CreatedAt time.Time
	UpdatedAt time.Time
	UpdatedBy string
}

// RollupStore keeps definitions. Safe for concurrent use; a change is durable when the method returns.
type RollupStore interface {
	// ListRollups returns the newest version of every rollup of every tenant, by tenant and name.
	ListRollups(ctx context.Context) ([]Rollup, error)
	// RollupVersions returns all versions of one, the newest first, and ErrNotFound when there is none.
	RollupVersions(ctx context.Context, owner tenant.ID, id string) ([]Rollup, error)
	// PutRollup adds a version: 1 makes the rollup, another one must follow the newest. It returns ErrConflict when the version exists or does not follow,
	// or another rollup of the tenant has the name, and ErrInvalid where tenant or id are missing or the version is below 1.
	PutRollup(ctx context.Context, r Rollup) error
	// PauseRollup sets Paused of the rollup, and UpdatedAt of its newest version, without a new version. It returns ErrNotFound when there is no such rollup.
	PauseRollup(ctx context.Context, owner tenant.ID, id string, paused bool, at time.Time) error
	// DeleteRollup deletes it with all versions. It returns ErrNotFound when there is no such rollup.
	DeleteRollup(ctx context.Context, owner tenant.ID, id string) error
}

// RollupsVersion tells cheaply whether definitions have changed. Safe for concurrent use.
type RollupsVersion interface {
	// RollupsVersion returns a text that is another one after every change of a rollup.
	RollupsVersion(ctx context.Context) (string, error)
}
