// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package hoststate

import "errors"

func tcpStates() (map[string]int64, error) { return nil, errors.ErrUnsupported }
