// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/strata-apm/strata/collector/middleware/reader"
)

// credentials reads the file when it has changed. It is for one user.
type credentials struct {
	// paths are tried in order; managed is true of those that systemd made for us.
	paths []credentialPath
	seen  string
	list  []reader.Credential
}

type credentialPath struct {
	path    string
	managed bool
}

func newCredentials(file string) *credentials {
	c := &credentials{}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		c.paths = append(c.paths, credentialPath{filepath.Join(dir, "credentials.yaml"), true})
	}
	if file != "" {
		c.paths = append(c.paths, credentialPath{file, false})
	}
	return c
}

// load reads the file again if it has changed, and says whether it has. On an error the last good list stays. No file is an empty list.
func (c *credentials) load() (changed bool, err error) {
	for _, p := range c.paths {
		info, err := os.Stat(p.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("read credentials: %w", err)
		}
		state := fmt.Sprint(p.path, info.ModTime().Format(time.RFC3339Nano), info.Size(), info.Mode())
		if state == c.seen {
			return false, nil
		}
		list, err := readCredentials(p, info)
		if errors.Is(err, fs.ErrPermission) && p.managed {
			continue
		}
		if err != nil {
			return false, err
		}
		c.seen, c.list = state, list
		return true, nil
	}
	changed = c.list != nil
	c.seen, c.list = "", nil
	return changed, nil
}

// readCredentials refuses a file that others can read. systemd gives its own by an access list, which the group's bits reflect, in a
// folder that only we can enter.
func readCredentials(p credentialPath, info fs.FileInfo) ([]reader.Credential, error) {
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !p.managed {
		return nil, fmt.Errorf("read credentials: %s has mode %04o: others can read it; run: chmod 600 %s", p.path, mode, p.path)
	}
	text, err := os.ReadFile(p.path)
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	var list []reader.Credential
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		// The decoder's message can quote a value.
		return nil, fmt.Errorf("read credentials: %s is not a list of {kind, address, username, password, mechanism, tls, url}", p.path)
	}
	return list, nil
}

// find returns the credential for the address, otherwise the one for all of the kind on this host, otherwise nil. An instance elsewhere
// gets only what names its address: a configuration that the server pushes can name any.
func (c *credentials) find(kind, address string, here bool) *reader.Credential {
	var general *reader.Credential
	for i := range c.list {
		switch e := &c.list[i]; {
		case e.Kind != kind:
		case e.Address == address:
			return e
		case e.Address == "" && general == nil && here:
			general = e
		}
	}
	return general
}
