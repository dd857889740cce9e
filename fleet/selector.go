// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/strata-apm/strata/storage"
)

// Selector says for which agents a configuration is meant. An empty one means all.
type Selector struct {
	// Hosts are host names; * and ? stand for any characters. One of them has to fit.
	Hosts []string `json:"hosts,omitempty"`
	// Labels are attributes of the agent, such as deployment.environment.name. All have to be equal.
	Labels map[string]string `json:"labels,omitempty"`
}

// Validate refuses patterns that cannot be read.
func (s Selector) Validate() error {
	if len(s.Hosts) > 1000 || len(s.Labels) > maxLabels {
		return errors.New("selector: too many hosts or labels")
	}
	for _, h := range s.Hosts {
		if _, err := path.Match(h, ""); err != nil || h == "" {
			return fmt.Errorf("selector: %q is no pattern of a host name", h)
		}
	}
	for k := range s.Labels {
		if k == "" {
			return errors.New("selector: a label without a name")
		}
	}
	return nil
}

// Matches says whether the agent is meant.
func (s Selector) Matches(a storage.Agent) bool {
	for k, v := range s.Labels {
		if a.Labels[k] != v {
			return false
		}
	}
	if len(s.Hosts) == 0 {
		return true
	}
	for _, h := range s.Hosts {
		if ok, err := path.Match(strings.ToLower(h), strings.ToLower(a.HostName)); err == nil && ok {
			return true
		}
	}
	return false
}

// HashOf names the text of a configuration.
func HashOf(yaml string) string {
	sum := sha256.Sum256([]byte(yaml))
	return hex.EncodeToString(sum[:])
}
