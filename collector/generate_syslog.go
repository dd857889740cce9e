// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/collector/logs/charset"
	"github.com/strata-apm/strata/collector/logs/syslog"
)

const (
	syslogUDP = "udp"
	syslogTCP = "tcp"
	syslogTLS = "tls"

	idJournald = "journald"
)

func (c SyslogConfig) validate() error {
	var errs []error
	kind, addr, ok := strings.Cut(c.Listen, "://")
	if !ok || !slices.Contains([]string{syslogUDP, syslogTCP, syslogTLS}, kind) {
		errs = append(errs, fmt.Errorf("listen: %q is not udp://, tcp:// or tls:// host:port", c.Listen))
	} else if _, port, err := net.SplitHostPort(addr); err != nil {
		errs = append(errs, fmt.Errorf("listen: %w", err))
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs = append(errs, fmt.Errorf("listen: %q is not a port", port))
	}
	if !slices.Contains([]string{"", "auto", "rfc3164", "rfc5424"}, c.Protocol) {
		errs = append(errs, fmt.Errorf("protocol: %q is neither rfc3164 nor rfc5424", c.Protocol))
	}
	if (kind == syslogTLS) != (c.CertFile != "" && c.KeyFile != "") || (kind != syslogTLS && c.ClientCAFile != "") {
		errs = append(errs, errors.New("cert_file and key_file are for tls, and tls needs both"))
	}
	if c.Location != "" && c.Timezone != "" {
		errs = append(errs, errors.New("timezone and location are the same; give one"))
	}
	if _, err := logs.Zone(c.Location); err != nil {
		errs = append(errs, fmt.Errorf("location: %w", err))
	}
	if _, err := logs.Zone(c.Timezone); err != nil {
		errs = append(errs, err)
	}
	if _, err := charset.Lookup(c.Encoding); err != nil {
		errs = append(errs, err)
	}
	if c.MaxRecordsPerSecond < 0 {
		errs = append(errs, errors.New("max_records_per_second: negative"))
	}
	return errors.Join(errs...)
}

func (c JournaldConfig) validate() error {
	if c.Priority != "" && !slices.Contains([]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}, c.Priority) {
		return fmt.Errorf("journald.priority: %q is none of emerg to debug", c.Priority)
	}
	if c.MaxRecordsPerSecond < 0 {
		return errors.New("journald.max_records_per_second: negative")
	}
	for _, unit := range c.Units { // They become arguments of journalctl.
		if unit == "" || strings.HasPrefix(unit, "-") || strings.ContainsAny(unit, " \t\n\x00") {
			return fmt.Errorf("journald.units: %q is no unit", unit)
		}
	}
	return nil
}

// addSyslog makes a pipeline for each address, because each has its own limit and counts.
func (g *generator) addSyslog() {
	for _, s := range g.cfg.Syslog {
		kind, _, _ := strings.Cut(s.Listen, "://")
		sum := sha256.Sum256([]byte(s.Listen))
		name := "syslog_" + hex.EncodeToString(sum[:4])
		r := object{"listen": s.Listen, "timezone": "Local", "times": g.cfg.LogTimes.object()}
		for key, value := range map[string]string{
			"timezone": s.Location + s.Timezone, "encoding": s.Encoding, "cert_file": s.CertFile, "key_file": s.KeyFile, "client_ca_file": s.ClientCAFile,
		} {
			if value != "" {
				r[key] = value
			}
		}
		id := syslog.Type + "/" + name
		g.receivers[id] = r
		g.gated(name, id, object{
			"kind": logs.KindSyslog, "name": s.Listen, "drop": kind == syslogUDP, "mask": s.Mask == nil || *s.Mask, "max_records_per_second": s.MaxRecordsPerSecond,
		})
	}
}

// addJournald follows the journal with journalctl, the one program the agent runs; its arguments are those of this function.
func (g *generator) addJournald() {
	j := g.cfg.Journald
	if !j.Enabled {
		return
	}
	path, err := g.env.lookPath("journalctl")
	if err != nil {
		return
	}
	r := object{"journalctl_path": path, "storage": idCheckpoints, "start_at": "end", "priority": "info"}
	if len(j.Units) > 0 {
		r["units"] = stringsList(j.Units)
	}
	if j.Priority != "" {
		r["priority"] = j.Priority
	}
	g.receivers[idJournald] = r
	g.gated(idJournald, idJournald, object{
		"kind": logs.KindJournald, "name": idJournald, "drop": false, "mask": j.Mask == nil || *j.Mask, "max_records_per_second": j.MaxRecordsPerSecond,
	})
}

// gated makes the pipeline of a source that is no file.
func (g *generator) gated(name, receiver string, gate object) {
	processor := "strata_enrich/" + name
	g.processors[processor] = object{
		"attributes": stringsObject(g.env.Host.attributes(g.cfg.Attributes)), "override": true, "detect_severity": true, "gate": gate,
		"queue_limit": g.cfg.Queue.signalBytes(),
	}
	g.pipeline("logs/"+name, list{receiver}, processor)
}

// lookPath finds a program.
func (e Environment) lookPath(name string) (string, error) {
	if e.LookPath != nil {
		return e.LookPath(name)
	}
	return exec.LookPath(name)
}
