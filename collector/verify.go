// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/strata-apm/strata/collector/config"

	"go.opentelemetry.io/collector/config/configtls"
)

const verifyInterval = 500 * time.Millisecond

// ErrKeyRefused says that the server knows the key no more, or never did.
var ErrKeyRefused = errors.New("the server refuses the key")

// Verify waits until the server at the URL has metrics of this host that are younger than the call, and returns the host's name. It asks
// with the key and the certificates of the configuration. A refused key is an error at once, everything else is asked again until ctx ends.
func (a *Agent) Verify(ctx context.Context, server string) (string, error) {
	cfg, err := a.LoadConfig()
	if err != nil {
		return "", err
	}
	name := cfg.Attributes["host.name"]
	if name == "" {
		if name, err = os.Hostname(); err != nil {
			return "", fmt.Errorf("read host name: %w", err)
		}
	}
	key, err := cfg.Server.ReadKey()
	if err != nil {
		return "", err
	}
	client, err := httpClient(ctx, cfg.Server)
	if err != nil {
		return "", err
	}
	started := time.Now()
	target := strings.TrimRight(server, "/") + "/v1/agent/host?name=" + url.QueryEscape(name)
	for {
		seen, err := lastSeen(ctx, client, target, key)
		if err == nil && !seen.Before(started) {
			return name, nil
		}
		if errors.Is(err, ErrKeyRefused) {
			return "", err
		}
		if err == nil {
			err = errors.New("the server has no new data of " + name)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("gave up after %s: %w", time.Since(started).Round(time.Second), err)
		case <-time.After(verifyInterval):
		}
	}
}

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

// httpClient returns a client that trusts what the exporter trusts.
func httpClient(ctx context.Context, c config.Server) (*http.Client, error) {
	var conf *tls.Config
	conf, err := (&configtls.ClientConfig{
		Config:             configtls.Config{CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile},
		InsecureSkipVerify: c.TLS.InsecureSkipVerify, ServerName: c.TLS.ServerName,
	}).LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("server.tls: %w", err)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}, nil
}
