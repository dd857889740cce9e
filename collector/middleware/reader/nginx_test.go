// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const stubStatus = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630940 31070465 \nReading: 6 Writing: 179 Waiting: 106 \n"

// pages serves texts by their paths and notes what was asked for.
type pages struct {
	mu    sync.Mutex
	texts map[string]string // guarded by mu, as asked is
	asked []string
}

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r.URL.Path)
	text, ok := p.texts[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = io.WriteString(w, text)
}

func (p *pages) set(texts map[string]string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.texts, p.asked = texts, nil
	return asked
}

func nginxValues() map[string]float64 {
	return map[string]float64{"active": 291, "accepted": 16630948, "handled": 16630940, "requests": 31070465, "reading": 6, "writing": 179, "waiting": 106}
}

// TestNginx: the page is looked for at its usual paths, and kept where it was found.
func TestNginx(t *testing.T) {
	var p pages
	r := open(t, target("nginx", page(t, p.ServeHTTP), nil))
	p.set(map[string]string{"/basic_status": stubStatus})
	for range 2 {
		got, err := read(t, r)
		require.NoError(t, err)
		require.Equal(t, nginxValues(), values(got))
	}
	asked := p.set(map[string]string{"/status": strings.ReplaceAll(stubStatus, "\n", "\r\n")})
	require.Equal(t, []string{"/nginx_status", "/stub_status", "/basic_status", "/basic_status"}, asked)
	got, err := read(t, r)
	require.NoError(t, err, "the page has moved")
	require.Equal(t, nginxValues(), values(got))
	require.Equal(t, []string{"/basic_status", "/nginx_status", "/stub_status", "/basic_status", "/status"}, p.set(nil))
}

func TestNginxRefuses(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"no page":   http.NotFound,
		"forbidden": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"an error":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"another page": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>Welcome to nginx!</html>")
		},
		"its beginning": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, stubStatus[:60]) },
		"more than it":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, stubStatus+"<html>") },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
	} {
		addr := page(t, handle)
		_, err := read(t, open(t, target("nginx", addr, nil)))
		var refused *AccessError
		require.ErrorAs(t, err, &refused, name)
		missing := refusal(t, err)
		require.Contains(t, missing.How, "stub_status;")
		require.Contains(t, missing.How, addr.String())
	}
}

// TestNginxURL: a page that the credential names is the only one that is asked, with its user.
func TestNginxURL(t *testing.T) {
	addr := page(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); r.URL.Path != "/x/stub" || user != "u" || password != "p" {
			t.Errorf("asked %s as %s", r.URL.Path, user)
		}
		_, _ = io.WriteString(w, stubStatus)
	})
	got, err := read(t, open(t, target("nginx", nobody(t), &Credential{URL: "http://" + addr.String() + "/x/stub", Username: "u", Password: "p"})))
	require.NoError(t, err)
	require.Equal(t, nginxValues(), values(got))
	_, err = read(t, open(t, target("nginx", addr, &Credential{URL: "http://[bad"})))
	unanswered(t, err, "http://[bad")
}

// TestNginxAddresses: a server with several sockets is asked at each of them; a socket that speaks something else does no harm.
func TestNginxAddresses(t *testing.T) {
	var p pages
	p.set(map[string]string{"/stub_status": stubStatus})
	to := target("nginx", serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "220 mail ESMTP\r\n") }).addr, nil)
	to.Addresses = []netip.AddrPort{to.Address, nobody(t), page(t, p.ServeHTTP)}
	got, err := read(t, open(t, to))
	require.NoError(t, err)
	require.Equal(t, nginxValues(), values(got))
}

func TestNginxSlow(t *testing.T) {
	unanswered(t, hurried(t, open(t, target("nginx", serve(t, silent).addr, nil))), "deadline exceeded")
	unanswered(t, hurried(t, open(t, target("nginx", serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nActive")
		silent(c)
	}).addr, nil))), "read http")
}

// TestNginxEndless: a page without end is read up to a bound.
func TestNginxEndless(t *testing.T) {
	addr := page(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/nginx_status" {
			http.NotFound(w, r)
			return
		}
		for chunk := strings.Repeat("x", 64<<10); ; {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	})
	_, err := read(t, open(t, target("nginx", addr, nil)))
	refusal(t, err)
}

// TestWebTLS: a certificate that nobody signed is taken at loopback, where names are of no use.
func TestWebTLS(t *testing.T) {
	s := secure(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, stubStatus) })
	got, err := read(t, open(t, target("nginx", s, &Credential{TLS: true})))
	require.NoError(t, err)
	require.Equal(t, nginxValues(), values(got))
	w := newWeb(Target{Address: netip.MustParseAddrPort("10.0.0.1:443"), Credential: &Credential{TLS: true}})
	require.False(t, w.client.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify)
	require.Equal(t, "https://10.0.0.1:443/", w.url(w.t.Address, "/"))
	_, _, err = (&web{t: w.t, client: w.client}).get(t.Context(), "https://"+s.String()+"/")
	unanswered(t, err, "certificate")
	require.NoError(t, w.Close())
}
