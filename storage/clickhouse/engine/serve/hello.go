// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/strata-apm/strata/storage/clickhouse/engine/chdb"
)

// answerHello answers clickhouse-go's first query. The client decodes that one answer at its own protocol revision and every later
// one at the revision it contains. The library writes Native without a revision, so the answer is encoded here at the client's and
// says revision 0.
func (s *server) answerHello(w http.ResponseWriter, req *request, conn *chdb.Conn) {
	out, _, err := conn.Exec("SELECT displayName(), version(), timezone()", "TSVRaw")
	if err != nil {
		writeError(w, err)
		return
	}
	fields := strings.Split(strings.TrimRight(string(out), "\n"), "\t")
	for len(fields) < 3 {
		fields = append(fields, "")
	}
	var (
		name, version, zone proto.ColStr
		revision            proto.ColUInt32
	)
	name.Append(fields[0])
	version.Append(fields[1])
	revision.Append(0)
	zone.Append(fields[2])
	block := proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Columns: 4, Rows: 1}
	var buf proto.Buffer
	if err := block.EncodeBlock(&buf, int(req.hello), []proto.InputColumn{ //nolint:gosec // a protocol revision is small
		{Name: "displayName()", Data: name},
		{Name: "version()", Data: version},
		{Name: "revision()", Data: revision},
		{Name: "timezone()", Data: zone},
	}); err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("X-ClickHouse-Format", "Native")
	w.Header().Set("Content-Length", strconv.Itoa(len(buf.Buf)))
	_, _ = w.Write(buf.Buf)
}
