// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	systemdName    = "org.freedesktop.systemd1"
	systemdManager = systemdName + ".Manager"
	// systemdTimeout bounds one look at systemd.
	systemdTimeout = 5 * time.Second
	// enabledEvery is how often the enabled units are asked for, which makes systemd read its files; restartsEvery how often the restarts,
	// which are a question for each unit; absentEvery how often a systemd that was not there is looked for.
	enabledEvery  = 5 * time.Minute
	restartsEvery = time.Minute
	absentEvery   = time.Minute
)

// systemd is a connection to the system's bus, made when it is needed.
type systemd struct {
	cfg        SystemdConfig
	root       string
	conn       *dbus.Conn
	retryAt    time.Time
	enabled    map[string]bool
	enabledAt  time.Time
	restartsAt time.Time
	states     unitStates
}

func newSystemd(cfg SystemdConfig, root string) *systemd {
	return &systemd{cfg: cfg, root: filepath.Join("/", root), states: unitStates{}}
}

// scrape returns nothing and no error where systemd does not run or has no bus.
func (s *systemd) scrape(ctx context.Context, now time.Time) (pmetric.Metrics, error) {
	md, b := newBuilder(now)
	if now.Before(s.retryAt) {
		return md, nil
	}
	if err := s.connect(ctx); err != nil {
		s.retryAt = now.Add(absentEvery)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return md, err
	}
	ctx, cancel := context.WithTimeout(ctx, systemdTimeout)
	defer cancel()
	if err := s.read(ctx, b, now); err != nil {
		s.close()
		s.retryAt = now.Add(absentEvery)
		var unknown dbus.Error
		if errors.As(err, &unknown) && (strings.HasSuffix(unknown.Name, ".ServiceUnknown") || strings.HasSuffix(unknown.Name, ".NameHasNoOwner")) {
			err = nil // A bus without systemd.
		}
		return pmetric.NewMetrics(), err
	}
	return md, nil
}

func (s *systemd) connect(ctx context.Context) error {
	if s.conn != nil && s.conn.Connected() {
		return nil
	}
	socket := filepath.Join(s.root, "run/dbus/system_bus_socket")
	for _, path := range []string{filepath.Join(s.root, "run/systemd/system"), socket} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("look for systemd: %w", err)
		}
	}
	conn, err := dbus.Connect("unix:path="+socket, dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", socket, err)
	}
	s.conn, s.enabledAt, s.restartsAt = conn, time.Time{}, time.Time{}
	return nil
}

func (s *systemd) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

func (s *systemd) read(ctx context.Context, b builder, now time.Time) error {
	manager := s.conn.Object(systemdName, "/org/freedesktop/systemd1")
	if now.Sub(s.enabledAt) >= enabledEvery {
		var files [][]any
		err := manager.CallWithContext(ctx, systemdManager+".ListUnitFilesByPatterns", dbus.FlagNoAutoStart, []string{"enabled", "enabled-runtime"}, s.cfg.Units).Store(&files)
		if err != nil {
			return fmt.Errorf("list unit files: %w", err)
		}
		s.enabled, s.enabledAt = make(map[string]bool, len(files)), now
		for _, f := range files {
			if path, ok := f[0].(string); ok {
				s.enabled[filepath.Base(path)] = true
			}
		}
	}
	var rows [][]any
	err := manager.CallWithContext(ctx, systemdManager+".ListUnitsByPatterns", dbus.FlagNoAutoStart, []string{}, s.cfg.Units).Store(&rows)
	if err != nil {
		return fmt.Errorf("list units: %w", err)
	}
	units := make([]unit, 0, len(rows))
	for _, row := range rows {
		var u unit
		var path dbus.ObjectPath
		if len(row) < 7 {
			return fmt.Errorf("list units: %d columns", len(row))
		}
		if err := dbus.Store(row[:7], &u.Name, &u.Description, &u.LoadState, &u.ActiveState, &u.SubState, &u.Following, &path); err != nil {
			return fmt.Errorf("list units: %w", err)
		}
		u.Path = string(path)
		units = append(units, u)
	}
	units, dropped := chooseUnits(units, s.enabled, s.cfg.MaxUnits)
	var restarts map[string]int64
	if now.Sub(s.restartsAt) >= restartsEvery {
		restarts, s.restartsAt = s.restarts(ctx, units), now
	}
	s.states.tell(b, units, restarts, dropped)
	return ctx.Err()
}

// restarts asks for the restarts of each service; one that went meanwhile is left out.
func (s *systemd) restarts(ctx context.Context, units []unit) map[string]int64 {
	out := make(map[string]int64, len(units))
	for _, u := range units {
		if !strings.HasSuffix(u.Name, ".service") {
			continue
		}
		var n uint32
		call := s.conn.Object(systemdName, dbus.ObjectPath(u.Path)).
			CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, systemdName+".Service", "NRestarts")
		if call.Store(&n) == nil {
			out[u.Name] = int64(n)
		}
	}
	return out
}
