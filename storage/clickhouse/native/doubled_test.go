// SPDX-License-Identifier: Apache-2.0

package native

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"
)

// doubled is a map in which the key from has become the key to, which may be there twice then.
func doubled(t *testing.T, m pcommon.Map, from, to string) pcommon.Map {
	t.Helper()
	ld := plog.NewLogs()
	for k, v := range m.All() {
		one := ld.ResourceLogs().AppendEmpty().Resource().Attributes()
		if k == from {
			k = to
		}
		v.CopyTo(one.PutEmpty(k))
	}
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	var resource []byte // the attributes of all resources as those of one
	for len(body) > 0 {
		_, _, n := protowire.ConsumeTag(body)
		rl, size := protowire.ConsumeBytes(body[n:])
		body = body[n+size:]
		_, _, n = protowire.ConsumeTag(rl)
		attributes, _ := protowire.ConsumeBytes(rl[n:])
		resource = append(resource, attributes...)
	}
	wrap := func(b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), b)
	}
	out, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wrap(wrap(resource)))
	require.NoError(t, err)
	return out.ResourceLogs().At(0).Resource().Attributes()
}
