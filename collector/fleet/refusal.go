// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// askWithin is how long the server may take to say why it refuses the agent.
	askWithin = 5 * time.Second
	// maxRefusal bounds what is read of a refusal.
	maxRefusal = 4096
)

// errRefused is wrapped by what the server says when it turns the agent away: a key that is not valid, or of another tenant.
var errRefused = errors.New("refused")

// refusal asks the server with a plain request, for the library tells neither the status nor the body of an answer that it cannot use. It
// returns nil when the server does not answer, or refuses nothing but the form of this request.
func (c *Client) refusal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.opts.URL, nil)
	if err != nil {
		return nil // The session says that the address is none.
	}
	c.authorize(req.Header)
	web := http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: c.opts.TLS.Clone(), DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // It could lead the key elsewhere.
	}
	resp, err := web.Do(req)
	if err != nil {
		return nil // A server that is away is told by the session.
	}
	defer func() { _ = resp.Body.Close() }() // Nothing is lost with it.
	switch code := resp.StatusCode; {
	case code < http.StatusMultipleChoices, code == http.StatusBadRequest, code == http.StatusMethodNotAllowed, code == http.StatusUpgradeRequired:
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if text := message(body); err == nil && text != "" {
		return fmt.Errorf("%w: %s: %s", errRefused, resp.Status, text)
	}
	return fmt.Errorf("%w: %s", errRefused, resp.Status)
}

// message returns the words of an error's body on one line: those of the API's form, else the text as it is.
func message(body []byte) string {
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Error.Message != "" {
		return answer.Error.Message
	}
	return strings.Join(strings.Fields(string(body)), " ")
}

func (c *Client) authorize(h http.Header) {
	if key := c.opts.Key(); key != "" {
		h.Set("Authorization", "Bearer "+key)
	}
}

// reason returns what the server says against the agent, or err when it says nothing.
func (c *Client) reason(ctx context.Context, err error) error {
	if refusal := c.refusal(ctx); refusal != nil {
		return refusal
	}
	return err
}

// tell keeps why the server is not heard. A refusal is logged once.
func (c *Client) tell(err error) {
	refused := ""
	if errors.Is(err, errRefused) {
		refused = err.Error()
	}
	c.mu.Lock()
	isNew := refused != "" && refused != c.refused
	c.refused = refused
	c.conn.Error = err.Error()
	c.mu.Unlock()
	if isNew {
		c.opts.Logger.Warn("the server turns the agent away over OpAMP, tried again", "url", c.opts.URL, "reason", err)
	}
}
