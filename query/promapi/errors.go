// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"errors"
	"net/http"

	"github.com/strata-apm/strata/storage"
)

// errorCode overrides the status that Prometheus's API gives an error: what may succeed later is 503, as our own API has it. The
// parameter is Prometheus's unexported number of the error type.
func errorCode[N any](_ N, err error) (int, bool) {
	return http.StatusServiceUnavailable, errors.Is(err, storage.ErrUnavailable)
}
