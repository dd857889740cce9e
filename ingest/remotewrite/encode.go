// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// The generated encoder leaves out a value that compares equal to 0, and so turns -0 into +0. Until a request is encoded, -0 is this NaN,
// which no program makes; then its bytes are put right.
const standIn uint64 = 0x7ff4_5354_5241_2d30

func keepSign(v float64) float64 {
	if v == 0 && math.Signbit(v) {
		return math.Float64frombits(standIn)
	}
	return v
}

// encode marshals the request with the values as they were sent.
func encode(req *writev2.Request) ([]byte, error) {
	body, err := req.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	from := binary.LittleEndian.AppendUint64(nil, standIn)
	if !bytes.Contains(body, from) {
		return body, nil
	}
	return bytes.ReplaceAll(body, from, binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.Copysign(0, -1)))), nil
}
