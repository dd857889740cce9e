// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"time"
)

// Notification is a message on its way to one receiver.
type Notification struct {
	// ID is the same for every attempt, so that the receiver can drop a second delivery.
	ID      string
	Message Message
}

// Notifier sends notifications to one place. Safe for concurrent use.
type Notifier interface {
	// Notify makes one attempt, which ends within a minute, and returns nil once the receiver has taken the notification. After any
	// error it is called again for the same notification, with growing pauses; an *Error can ask for a longer pause or for no further
	// attempt of this notifier at all. The error's text is shown to whoever may read notifiers: it holds no secret.
	Notify(ctx context.Context, n Notification) error
}

// Error is an attempt that failed with an answer.
type Error struct {
	// Err says how, for people. It is not nil.
	Err error
	// Status is the HTTP status, 0 when there was none.
	Status int
	// RetryAfter is how long the receiver asked to be left alone; 0 when it did not ask.
	RetryAfter time.Duration
	// Gone says that the receiver wants nothing any more: the notifier is to be disabled and its queue emptied.
	Gone bool
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
