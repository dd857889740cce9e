// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// sender posts statements to ClickHouse's HTTP interface.
type sender struct {
	client *http.Client
	target target
}

func newSender(t target, opts Options) *sender {
	tr := &http.Transport{
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}
	if t.embedded || opts.dialServer {
		tr.DialContext = opts.Dial
	} else {
		tr.Proxy = http.ProxyFromEnvironment
	}
	return &sender{client: &http.Client{Transport: tr}, target: t}
}

func (s *sender) close() { s.client.CloseIdleConnections() }

// request builds a POST. With a statement in the URL the body is its data; otherwise the body is the statement.
func (s *sender) request(ctx context.Context, params url.Values, body []byte) (*http.Request, error) {
	u := url.URL{Scheme: s.target.scheme, Host: s.target.host, Path: "/", RawQuery: params.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	if s.target.user != "" {
		req.Header.Set("X-ClickHouse-User", s.target.user)
		req.Header.Set("X-ClickHouse-Key", s.target.password)
	}
	return req, nil
}

// send posts and returns the answer's body, which must be small: statements without a result and short lists.
func (s *sender) send(ctx context.Context, params url.Values, body []byte) ([]byte, error) {
	req, err := s.request(ctx, params, body)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, unwrapURL(err)
	}
	defer resp.Body.Close()
	const most = 16 << 20
	out, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, fmt.Errorf("read ClickHouse's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Clickhouse-Exception-Code") != "" {
		return nil, newException(resp.StatusCode, string(out))
	}
	return out, nil
}

// exec runs a statement without a result.
func (s *sender) exec(ctx context.Context, statement string) error {
	_, err := s.send(ctx, url.Values{}, []byte(statement))
	return err
}

// unwrapURL takes the URL out of net/http's error: it holds the whole statement.
func unwrapURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("reach ClickHouse: %w", ue.Err)
	}
	return err
}
