// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"testing"

	"go.uber.org/goleak"
)

// A tsdb that cannot be opened leaves the goroutines of its logs.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/prometheus/prometheus/tsdb/wlog.(*WL).run"))
}
