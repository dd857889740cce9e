// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite golden files")
	goleak.VerifyTestMain(m)
}
