// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	// maxPage bounds a status page.
	maxPage = 8 << 20
	// probeTimeout bounds a question to a socket that may speak something else.
	probeTimeout = time.Second
)

// web asks status pages of one target over one kept connection. It follows no redirect: a page that moved elsewhere is not a status
// page, and a password must not go there.
type web struct {
	t      Target
	client *http.Client
}

func newWeb(t Target) *web {
	return &web{t: t, client: &http.Client{
		Transport: &http.Transport{
			MaxIdleConns: 1, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, DisableCompression: true,
			//nolint:gosec // Only loopback is not checked: the name in the certificate is never that of loopback.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: t.Address.Addr().IsLoopback()},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close ends the connections.
func (w *web) Close() error {
	w.client.CloseIdleConnections()
	return nil
}

func (w *web) url(addr netip.AddrPort, path string) string {
	scheme := "http"
	if c := w.t.Credential; c != nil && c.TLS {
		scheme = "https"
	}
	return scheme + "://" + addr.String() + path
}

// get reads a page. The status is 0 when there is no answer.
func (w *web) get(ctx context.Context, page string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", page, err)
	}
	if c := w.t.Credential; c != nil && (c.Username != "" || c.Password != "") {
		req.SetBasicAuth(c.Username, c.Password)
	}
	req.Header.Set("User-Agent", "strata-agent")
	resp, err := w.client.Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return 0, nil, fmt.Errorf("ask %s: %w", page, err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return 0, nil, fmt.Errorf("read %s: %w", page, err)
	}
	return resp.StatusCode, body, nil
}
