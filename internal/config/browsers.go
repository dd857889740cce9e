// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

func (c Config) validateTLS() error {
	var errs []error
	for key, err := range map[string]error{"http.tls": c.HTTP.TLS.Validate(), "otlp.tls": c.OTLP.TLS.Validate(), "cluster.tls": c.Cluster.TLS.Validate()} {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

func (o OTLP) validateBrowsers() error {
	var errs []error
	for _, origin := range o.CORS.AllowedOrigins {
		if !validOrigin(origin) {
			errs = append(errs, fmt.Errorf("otlp.cors.allowed_origins: %q is no origin such as https://shop.example.com, with at most one *, and no path", origin))
		}
	}
	if o.CORS.MaxAge < 0 {
		errs = append(errs, errors.New("otlp.cors.max_age must not be negative"))
	}
	if o.BrowserKeys.RequestsPerAddress <= 0 || o.BrowserKeys.RequestsPerKey < o.BrowserKeys.RequestsPerAddress {
		errs = append(errs, errors.New("otlp.browser_keys: requests_per_address must be positive, requests_per_key at least as much"))
	}
	return errors.Join(errs...)
}

func validOrigin(s string) bool {
	if s == "*" {
		return true
	}
	if strings.Count(s, "*") > 1 {
		return false
	}
	u, err := url.Parse(strings.Replace(s, "*", "1", 1))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}
