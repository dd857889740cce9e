// SPDX-License-Identifier: Apache-2.0

// Package javaattach loads the OpenTelemetry Java agent into Java virtual machines that are running, over HotSpot's attach mechanism
// (the one behind jcmd; jdk/src/hotspot/os/posix/attachListener_posix.cpp), and fetches the agent's jar from a Strata server.
//
// It needs to run as the user of the virtual machine, or as root. It is for people at a command line: nothing that a server says can
// make an agent use it.
package javaattach
