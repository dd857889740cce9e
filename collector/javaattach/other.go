// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package javaattach

import (
	"context"
	"errors"
)

// ErrNoJVM says that a process is not a Java virtual machine.
var ErrNoJVM = errors.New("attaching to running Java virtual machines works on Linux only; start them with JAVA_TOOL_OPTIONS")

// JVM is a Java virtual machine of this host.
type JVM struct {
	PID          int
	Main         string
	Instrumented bool
}

// Find is for Linux.
func Find() ([]JVM, error) { return nil, ErrNoJVM }

// Look is for Linux.
func Look(int) (JVM, error) { return JVM{}, ErrNoJVM }

// Attach is for Linux.
func Attach(context.Context, int, string, map[string]string) error { return ErrNoJVM }
