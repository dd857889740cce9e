// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// stack closes what was opened in reverse order, each under its name.
type stack struct {
	logger *slog.Logger
	names  []string
	close  []func() error
}

func (s *stack) push(name string, f func() error) {
	s.names = append(s.names, name)
	s.close = append(s.close, f)
}

// closeAll closes everything once and joins the errors.
func (s *stack) closeAll() error {
	var err error
	for i, v := range slices.Backward(s.close) {
		started := time.Now()
		if cerr := v(); cerr != nil {
			err = errors.Join(err, fmt.Errorf("close %s: %w", s.names[i], cerr))
		}
		if took := time.Since(started); took > time.Second {
			s.logger.Info("closing took long", "part", s.names[i], "took", took)
		}
	}
	s.names, s.close = nil, nil
	return err
}
