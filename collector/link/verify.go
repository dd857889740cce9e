// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/collector/config"
)

const (
	// verifyInterval is between two questions, verifyTimeout bounds one of them.
	verifyInterval = 500 * time.Millisecond
	verifyTimeout  = 10 * time.Second
)

// ErrKeyRefused says that the server knows the key no more, or never did.
var ErrKeyRefused = errors.New("the server refuses the key")

// Verify waits until the server at the URL has metrics of the host that are younger than the call. It asks with the key and the
// certificates of cfg. A refused key is an error at once, everything else is asked again until ctx ends.
func Verify(ctx context.Context, cfg config.Server, server, host string) error {
	key, err := cfg.ReadKey()
	if err != nil {
		return err
	}
	tlsConfig, err := TLS(ctx, cfg.TLS)
	if err != nil {
		return err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: verifyTimeout}
	started := time.Now()
	target := strings.TrimRight(server, "/") + "/v1/agent/host?name=" + url.QueryEscape(host)
	for {
		seen, err := lastSeen(ctx, client, target, key)
		if err == nil && !seen.Before(started) {
			return nil
		}
		if errors.Is(err, ErrKeyRefused) {
			return err
		}
		if err == nil {
			err = errors.New("the server has no new data of " + host)
		}
		if backoff.Sleep(ctx, verifyInterval) != nil {
			return fmt.Errorf("gave up after %s: %w", time.Since(started).Round(time.Second), err)
		}
	}
}

// lastSeen asks the server once when it last had metrics of the host that target names.
func lastSeen(ctx context.Context, client *http.Client, target, key string) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the server: %w", err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := client.Do(req)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the server: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("read the server's answer: %w", err)
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return time.Time{}, fmt.Errorf("%w (%s)", ErrKeyRefused, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return time.Time{}, fmt.Errorf("ask the server: %s", resp.Status)
	}
	var answer struct {
		LastSeen int64 `json:"last_seen_unix_ms"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return time.Time{}, fmt.Errorf("read the server's answer: %w", err)
	}
	return time.UnixMilli(answer.LastSeen), nil
}
