// SPDX-License-Identifier: Apache-2.0

// Package deploy holds the files that the server hands out to hosts that get an agent.
package deploy

import "embed"

// Files are the scripts, the unit and the first configuration of an agent.
//
//go:embed agent systemd/strata-agent.service
var Files embed.FS
