// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"os"
	"testing"

	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
