// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/strata-apm/strata/atomicfile"
)

// RunFile is the file in the data directory that says where the process listens: its "pid", and the address of each listener by name.
const RunFile = "run.json"

// runFile is the content of RunFile, the pid first and the listeners in the order of the table.
func (l *Listeners) runFile() ([]byte, error) {
	out := fmt.Appendf(nil, `{"pid":%d`, os.Getpid())
	for _, s := range l.sockets {
		if s.Network == InProcess {
			continue
		}
		addr, err := json.Marshal(s.Addr().String())
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", RunFile, err)
		}
		out = fmt.Appendf(out, `,%q:%s`, s.Name, addr)
	}
	return append(out, "}\n"...), nil
}

// WriteRunFile says in dir where the process listens, whole or not at all.
func (l *Listeners) WriteRunFile(dir string) error {
	b, err := l.runFile()
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, RunFile), b, 0o600) // It names the file.
}

// RemoveRunFile removes RunFile from dir, where there is one.
func RemoveRunFile(dir string) error {
	if err := os.Remove(filepath.Join(dir, RunFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", RunFile, err)
	}
	return nil
}
