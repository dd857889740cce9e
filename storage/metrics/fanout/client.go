// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	configutil "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/storage/remote"

	"github.com/strata-apm/strata/storage"
)

// apiPath is where a writer serves the Prometheus HTTP API.
const apiPath = "/prometheus/api/v1"

// client talks to one writer over connections of its own.
type client struct {
	writer    Writer
	api       string
	read      remote.ReadClient
	http      *http.Client
	transport *http.Transport
	slots     chan struct{}
}

func newClient(w Writer, opts Options) (*client, error) {
	base, err := url.Parse(w.URL)
	if err != nil || base.Scheme == "" || base.Host == "" {
		return nil, fmt.Errorf("writer %s: %q is no URL with scheme and host", w.ID, w.URL)
	}
	// No Proxy: what the environment names is for the world outside.
	transport := &http.Transport{
		DialContext:     (&net.Dialer{Timeout: opts.Config.ConnectTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig: opts.TLS, TLSHandshakeTimeout: opts.Config.ConnectTimeout,
		MaxIdleConnsPerHost: opts.Config.MaxConcurrent, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}
	c := &client{writer: w, transport: transport, slots: make(chan struct{}, opts.Config.MaxConcurrent)}
	c.api = strings.TrimSuffix(base.String(), "/") + apiPath
	c.http = &http.Client{
		Transport:     newWatcher(transport, strings.TrimSuffix(base.String(), "/")+"/-/healthy", opts),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	endpoint, err := url.Parse(c.api + "/read")
	if err != nil {
		return nil, fmt.Errorf("writer %s: %w", w.ID, err)
	}
	c.read, err = remote.NewReadClient(w.ID, &remote.ClientConfig{
		URL: &configutil.URL{URL: endpoint}, Timeout: model.Duration(maxRead), ChunkedReadLimit: config.DefaultChunkedReadLimit,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: remote read client: %w", w, err)
	}
	if rc, ok := c.read.(*remote.Client); ok {
		rc.Client = c.http // One pool of connections per writer, with our deadlines and without the library's transport.
	}
	return c, nil
}

// maxRead is a bound for callers without a deadline; a query has its own.
const maxRead = 10 * time.Minute

func (c *client) close() { c.transport.CloseIdleConnections() }

// acquire waits for a free request slot.
func (c *client) acquire(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) release() { <-c.slots }

// statusError is an answer that is none.
type statusError struct {
	code    int
	message string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.code, http.StatusText(e.code), e.message)
}

// Unwrap gives the error storage's kind.
func (e *statusError) Unwrap() error {
	switch {
	case e.code == http.StatusUnprocessableEntity:
		return storage.ErrLimit
	case e.code == http.StatusBadRequest:
		return storage.ErrBadQuery
	case e.code >= http.StatusInternalServerError:
		return storage.ErrUnavailable
	default:
		return nil
	}
}

const maxErrorBytes = 4 << 10

// newStatusError reads the message out of a Prometheus API error, or takes the body as it is, and closes the body.
func newStatusError(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)) // A part of the message is better than nothing.
	var answer struct{ Error string }
	if json.Unmarshal(body, &answer) == nil && answer.Error != "" {
		return &statusError{code: resp.StatusCode, message: answer.Error}
	}
	return &statusError{code: resp.StatusCode, message: strings.TrimSpace(string(body))}
}

// call asks the writer's HTTP API and decodes the data into out. The warnings are the writer's own. Forms go by POST where the API
// takes it, because matchers may be long.
func (c *client) call(ctx context.Context, method, path string, form url.Values, maxBytes int64, out any) ([]string, error) {
	u, body := c.api+path, io.Reader(nil)
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	} else if len(form) > 0 {
		u += "?" + form.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err // Named by the caller.
	}
	defer func() { _ = resp.Body.Close() }()
	limited := &io.LimitedReader{R: resp.Body, N: maxBytes}
	answer := struct {
		Data     any      `json:"data"`
		Warnings []string `json:"warnings"`
	}{Data: out}
	if err := json.NewDecoder(limited).Decode(&answer); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("%w: the answer has more than %d bytes", storage.ErrLimit, maxBytes)
		}
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return answer.Warnings, nil
}
