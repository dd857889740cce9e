// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"time"

	"github.com/strata-apm/strata/tenant"
)

// Key is an API key. The key itself is never stored, only the SHA-256 of it.
type Key struct {
	ID string
	// Tenant is whose data the key sends or reads; empty is the default one.
	Tenant tenant.ID
	Name   string
	Scope  string // "ingest", "read" or "admin"
	// Prefix is the beginning of the key, enough for its owner to recognise it.
	Prefix     string
	Hash       string // SHA-256, hexadecimal
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: never
	RevokedAt  time.Time // zero: valid
}

// KeyReader finds keys. Safe for concurrent use.
type KeyReader interface {
	// KeyByHash returns the key with this hash, also when it is expired or revoked, and ErrNotFound when there is none.
	KeyByHash(ctx context.Context, hash string) (Key, error)
	// ListKeys returns all keys, the newest first.
	ListKeys(ctx context.Context) ([]Key, error)
}

// KeyWriter changes keys. Safe for concurrent use; a change is durable when the method returns.
type KeyWriter interface {
	// CreateKey adds a key. It returns ErrConflict when id or hash exist.
	CreateKey(ctx context.Context, k Key) error
	// RevokeKey marks the key, and deletes its sessions. It returns ErrNotFound when there is no such key; a key that is revoked
	// keeps its first time.
	RevokeKey(ctx context.Context, id string, at time.Time) error
	// TouchKeys records when keys were last used, by id. Unknown ids and older times are ignored.
	TouchKeys(ctx context.Context, used map[string]time.Time) error
}

// Session is a signed-in browser. Its cookie's value is stored as SHA-256.
type Session struct {
	Hash string
	// KeyID is the key that was used to sign in, empty for a one-time token. Revoking the key deletes the session.
	KeyID string
	// Tenant is that of the key; empty is the default one.
	Tenant    tenant.ID
	Name      string
	Scope     string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// SessionStore keeps sessions. Safe for concurrent use.
type SessionStore interface {
	// CreateSession adds a session and deletes those that expired before s was created.
	CreateSession(ctx context.Context, s Session) error
	// SessionByHash returns the session, also an expired one, and ErrNotFound when there is none.
	SessionByHash(ctx context.Context, hash string) (Session, error)
	// DeleteSession deletes it; one that does not exist is no error.
	DeleteSession(ctx context.Context, hash string) error
}

// SigninStore keeps one-time sign-in tokens, stored as SHA-256. Safe for concurrent use.
type SigninStore interface {
	// CreateSigninToken replaces all earlier tokens by this one.
	CreateSigninToken(ctx context.Context, hash string, expiresAt time.Time) error
	// ConsumeSigninToken deletes the token and returns nil exactly once, also to concurrent callers. It returns ErrNotFound when
	// there is no such token or it expired before now.
	ConsumeSigninToken(ctx context.Context, hash string, now time.Time) error
}

// RuleGroup is one Prometheus rule group that was made by the API.
type RuleGroup struct {
	ID        string
	Name      string
	YAML      string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// RuleStore keeps rule groups. Safe for concurrent use; a change is durable when the method returns.
type RuleStore interface {
	// ListRuleGroups returns all groups by name.
	ListRuleGroups(ctx context.Context) ([]RuleGroup, error)
	// CreateRuleGroup adds a group. It returns ErrConflict when the id or the name exist.
	CreateRuleGroup(ctx context.Context, g RuleGroup) error
	// UpdateRuleGroup replaces name, YAML and UpdatedAt. It returns ErrNotFound, or ErrConflict when another group has the name.
	UpdateRuleGroup(ctx context.Context, g RuleGroup) error
	// DeleteRuleGroup returns ErrNotFound when there is no such group.
	DeleteRuleGroup(ctx context.Context, id string) error
}

// RuleVersions tells cheaply whether rule groups have changed. Safe for concurrent use.
type RuleVersions interface {
	// RulesVersion returns a text that is another one after every change of a rule group.
	RulesVersion(ctx context.Context) (string, error)
}

// Notifier is a target of alerts. It is comparable: two are equal when nothing of them differs.
type Notifier struct {
	ID   string
	Name string
	Type string
	// Config is a JSON object whose keys are those of the type, secrets among them; opaque to the store.
	Config       string
	SendResolved bool
	Enabled      bool
	CreatedAt    time.Time
}

// NotifierStatus is how the last attempt to reach a notifier went.
type NotifierStatus struct {
	LastAttempt time.Time // zero: never
	OK          bool
	Error       string
}

// NotifierStore keeps notifiers and their status. Safe for concurrent use; a change is durable when the method returns.
type NotifierStore interface {
	// ListNotifiers returns all notifiers by name, with the status of each by id.
	ListNotifiers(ctx context.Context) ([]Notifier, map[string]NotifierStatus, error)
	// PutNotifier creates or replaces a notifier by id and keeps its status. It returns ErrConflict when another has the name.
	PutNotifier(ctx context.Context, n Notifier) error
	// DeleteNotifier deletes it with its queue and its log. It returns ErrNotFound when there is no such notifier.
	DeleteNotifier(ctx context.Context, id string) error
	// SetNotifierStatus replaces the status. An unknown id is no error: the notifier was deleted meanwhile.
	SetNotifierStatus(ctx context.Context, id string, s NotifierStatus) error
}

// Notification is one request to a notifier that waits to be delivered.
type Notification struct {
	// ID is sent with every attempt, so that the receiver can drop a second delivery. Ids of one notifier sort by creation.
	ID         string
	NotifierID string
	Payload    string
	CreatedAt  time.Time
}

// NotifiedGroup is what a notifier was last told, or is about to be told, about one group of alerts.
type NotifiedGroup struct {
	NotifierID string
	GroupKey   string
	// Alerts is opaque to the store.
	Alerts    string
	UpdatedAt time.Time
}

// NotificationQueue is the durable queue between the rules and the notifiers. Safe for concurrent use.
type NotificationQueue interface {
	// Enqueue stores the notifications and what they say, all or nothing, and returns when that is durable. A group without
	// alerts is deleted. Notifiers that do not exist any more are skipped. When by is not its holder's any more, by the store's
	// clock, nothing is stored and ErrConflict is returned; the zero Lease is not checked.
	Enqueue(ctx context.Context, ns []Notification, groups []NotifiedGroup, by Lease) error
	// PendingNotifications returns the oldest ones of a notifier, in order.
	PendingNotifications(ctx context.Context, notifierID string, limit int) ([]Notification, error)
	// FinishNotification deletes a notification; one that does not exist is no error.
	FinishNotification(ctx context.Context, id string) error
	// PurgeNotifier deletes a notifier's queue and its log, and returns how many notifications were waiting.
	PurgeNotifier(ctx context.Context, notifierID string) (int, error)
}

// NotificationLog answers what notifiers have been told. Safe for concurrent use.
type NotificationLog interface {
	// NotifiedGroups returns the groups of all notifiers that have this key, or all when it is empty, by notifier and key.
	NotifiedGroups(ctx context.Context, groupKey string) ([]NotifiedGroup, error)
	// NotifiedKeys returns the keys of all groups, each once.
	NotifiedKeys(ctx context.Context) ([]string, error)
	// CountPending returns the number of waiting notifications by notifier; those without any are missing.
	CountPending(ctx context.Context) (map[string]int, error)
}

// Lease says who may do something that only one process may do at a time.
type Lease struct {
	Name   string
	Holder string
	// Remaining is how long it lasts unless it is renewed.
	Remaining time.Duration
}

// LeaseStore keeps leases. Time is that of the store's clock alone, so that holders whose clocks differ agree. Safe for concurrent
// use by any number of processes.
type LeaseStore interface {
	// AcquireLeases takes those of the names that are free, expired or the holder's own, until ttl from now, and returns what
	// the holder has of them, sorted. A lease that another has is no error. A name that is given twice counts once.
	AcquireLeases(ctx context.Context, holder string, names []string, ttl time.Duration) (held []string, err error)
	// ReleaseLeases frees those of the names that the holder has; others are no error.
	ReleaseLeases(ctx context.Context, holder string, names []string) error
	// ListLeases returns the leases that have not expired and whose name begins with prefix, by name.
	ListLeases(ctx context.Context, prefix string) ([]Lease, error)
}

// Instance is one running process.
type Instance struct {
	ID      string
	Role    string
	URL     string // where others reach it
	Version string
	// Group is the consumer group whose metrics it keeps in a tsdb of its own, empty when it has none.
	Group     string
	StartedAt time.Time
	SeenAt    time.Time // by the store's clock
}

// InstanceStore is the registry of processes. Safe for concurrent use.
type InstanceStore interface {
	// PutInstance adds or replaces the instance by id as seen now, whatever SeenAt says, and forgets those not seen for a day
	// that have no Group: samples of a tsdb that is gone must be missed until somebody says that they are gone for good.
	PutInstance(ctx context.Context, in Instance) error
	// ListInstances returns the instances that were seen within the given time, all when it is 0, by id.
	ListInstances(ctx context.Context, within time.Duration) ([]Instance, error)
	// DeleteInstance forgets the instance; one that does not exist is no error.
	DeleteInstance(ctx context.Context, id string) error
}
