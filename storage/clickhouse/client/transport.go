// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// newHTTPClient makes the client that posts statements to ClickHouse's HTTP interface.
func newHTTPClient(t target, opts Options) *http.Client {
	tr := &http.Transport{
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}
	if t.embedded || opts.DialServer {
		tr.DialContext = opts.Dial
	} else {
		tr.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{Transport: tr}
}

// request builds a POST. With a statement in the URL the body is its data; otherwise the body is the statement.
func (c *Client) request(ctx context.Context, params url.Values, body payload) (*http.Request, error) {
	u := url.URL{Scheme: c.target.scheme, Host: c.target.host, Path: "/", RawQuery: params.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body.reader())
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	// net/http sends it again on another connection where an idle one has just been closed.
	req.ContentLength, req.GetBody = int64(body.size), func() (io.ReadCloser, error) { return io.NopCloser(body.reader()), nil }
	if body.size == 0 {
		req.Body, req.GetBody = http.NoBody, func() (io.ReadCloser, error) { return http.NoBody, nil }
	}
	if c.target.user != "" {
		req.Header.Set("X-ClickHouse-User", c.target.user)
		req.Header.Set("X-ClickHouse-Key", c.target.password)
	}
	return req, nil
}

// payload is a body that can be read more than once.
type payload struct {
	reader func() io.Reader
	size   int
}

func payloadOf(b []byte) payload {
	return payload{func() io.Reader { return bytes.NewReader(b) }, len(b)}
}

// Send posts a statement and returns the answer's body, of which it reads 16 MiB at most: it is for statements without a result and for
// short lists. With params["query"] body is the data of that statement, otherwise body is the statement. The error is of none of package
// storage's kinds; Await and Ping turn it into them.
func (c *Client) Send(ctx context.Context, params url.Values, body []byte) ([]byte, error) {
	return c.send(ctx, params, payloadOf(body))
}

func (c *Client) send(ctx context.Context, params url.Values, body payload) ([]byte, error) {
	req, err := c.request(ctx, params, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
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

// Exec runs a statement without a result; its errors are those of Send.
func (c *Client) Exec(ctx context.Context, statement string) error {
	_, err := c.Send(ctx, url.Values{}, []byte(statement))
	return err
}

// unwrapURL takes the URL out of net/http's error: it holds the whole statement.
func unwrapURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("reach ClickHouse: %w", ue.Err)
	}
	return err
}

// tlsConfig verifies the server's certificate against the system's authorities and the name in the URL.
func tlsConfig(host string) *tls.Config {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	return &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
}
