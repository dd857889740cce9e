// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// ParseArgs reads the arguments the supervisor passes after the command: --library, --data-dir, --socket, --max-memory-bytes.
func ParseArgs(args []string) (Options, error) {
	var opts Options
	fs := flag.NewFlagSet("engine serve", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&opts.Library, "library", "", "path of the shared library")
	fs.StringVar(&opts.DataDir, "data-dir", "", "the engine's data directory")
	fs.StringVar(&opts.Socket, "socket", "", "path of the unix socket to serve on")
	fs.Uint64Var(&opts.MaxMemoryBytes, "max-memory-bytes", 0, "memory limit")
	if err := fs.Parse(args); err != nil {
		return opts, fmt.Errorf("read the engine's arguments: %w", err)
	}
	if opts.Library == "" || opts.DataDir == "" || opts.Socket == "" || fs.NArg() > 0 {
		return opts, errors.New("read the engine's arguments: --library, --data-dir and --socket are needed and nothing else")
	}
	return opts, nil
}
