// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"os/exec"
	"strings"

	"github.com/strata-apm/strata/collector/config"
	"github.com/strata-apm/strata/collector/enrich"

	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/collector/logs/syslog"
)

const (
	idJournald = "journald"
)

// addSyslog makes a pipeline for each address, because each has its own limit and counts.
func (g *generator) addSyslog() {
	for _, s := range g.cfg.Syslog {
		kind, _, _ := strings.Cut(s.Listen, "://")
		sum := sha256.Sum256([]byte(s.Listen))
		name := "syslog_" + hex.EncodeToString(sum[:4])
		r := object{"listen": s.Listen, "timezone": "Local", "times": timesObject(g.cfg.LogTimes)}
		for key, value := range map[string]string{
			"timezone": s.Location + s.Timezone, "encoding": s.Encoding, "cert_file": s.CertFile, "key_file": s.KeyFile, "client_ca_file": s.ClientCAFile,
		} {
			if value != "" {
				r[key] = value
			}
		}
		id := syslog.Type + "/" + name
		g.receivers[id] = r
		g.streamed(name, id, object{
			"kind": logs.KindSyslog, "name": s.Listen, "drop": kind == config.SyslogUDP, "mask": s.Mask == nil || *s.Mask, "max_records_per_second": s.MaxRecordsPerSecond,
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
	g.streamed(idJournald, idJournald, object{
		"kind": logs.KindJournald, "name": idJournald, "drop": false, "mask": j.Mask == nil || *j.Mask, "max_records_per_second": j.MaxRecordsPerSecond,
	})
}

// streamed makes the pipeline of a source that is no file.
func (g *generator) streamed(name, receiver string, stream object) {
	processor := enrich.TypeName + "/" + name
	g.processors[processor] = object{
		"attributes": stringsObject(g.env.Host.Attributes(g.cfg.Attributes)), "override": true, "detect_severity": true, "stream": stream,
		"queue_limit": g.cfg.Queue.SignalBytes(),
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
