// SPDX-License-Identifier: Apache-2.0

// Package logs makes records of log files, and prepares the records of syslog and of the journal: secrets are masked, a source that writes
// too much is read more slowly, and all is counted. The steps are packages of their own:
//
//   - tail follows the files: rotation, truncation, checkpoints;
//   - join decides where a record ends, parts numbers the pieces of a text that is too long for one record;
//   - parse takes known formats apart, levels and when find the level and the time of the others;
//   - mask replaces secrets;
//   - chars and cri are the ground of all of them.
//
// Nothing is held in memory between two calls: a record that is not whole yet stays unread in its file, so that a kill cannot lose it.
package logs
