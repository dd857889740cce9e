// SPDX-License-Identifier: Apache-2.0

package packs

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/strata-apm/strata/dashboard"
)

//go:embed */pack.yaml */dashboard.json */rules.yaml
var files embed.FS

// Metric types.
const (
	Gauge = "gauge"
	// Sum only grows, until the instance starts again.
	Sum = "sum"
	// UpDown is a sum that may fall.
	UpDown = "updown"
)

// ErrNotFound says that there is no pack of this name.
var ErrNotFound = errors.New("no such pack")

// Pack is one integration.
type Pack struct {
	// Name is the kind of middleware, and the value of the attribute "middleware" on every point.
	Name  string `yaml:"name" json:"name"`
	Title string `yaml:"title" json:"title"`
	// Budget is how many series one instance may have.
	Budget int `yaml:"budget" json:"budget"`
	// Versions are those it was tested with, against the real server.
	Versions string `yaml:"versions" json:"versions"`
	// Access is what is tried without any configuration, More what further access gives.
	Access  string   `yaml:"access" json:"access"`
	More    string   `yaml:"more" json:"more"`
	Metrics []Metric `yaml:"metrics" json:"metrics"`
	// Dashboard is what the page of an instance shows. Its queries contain $instance, the value of the label "instance".
	Dashboard dashboard.Dashboard `yaml:"-" json:"dashboard"`
	// Rules is a Prometheus rule file with one group.
	Rules string `yaml:"-" json:"rules"`
}

// Metric is one OpenTelemetry metric and where its values come from.
type Metric struct {
	Name string `yaml:"name" json:"name"`
	// Unit is a UCUM unit: By, s, {request}, 1.
	Unit        string `yaml:"unit" json:"unit"`
	Type        string `yaml:"type" json:"type"`
	Description string `yaml:"description" json:"description"`
	From        []From `yaml:"from" json:"-"`
}

// From maps one field of a reading to a metric.
type From struct {
	Field string `yaml:"field"`
	// Attributes are added to those of the reading.
	Attributes map[string]string `yaml:"attributes"`
	// Scale multiplies the value; 0 means 1.
	Scale float64 `yaml:"scale"`
}

// All returns every pack by name, in order.
func All() ([]Pack, error) {
	dirs, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("read packs: %w", err)
	}
	out := make([]Pack, 0, len(dirs))
	for _, d := range dirs {
		p, err := load(d.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Get returns one pack. The error wraps ErrNotFound when there is none of this name.
func Get(name string) (Pack, error) {
	names, err := Names()
	if err != nil {
		return Pack{}, err
	}
	if !slices.Contains(names, name) {
		return Pack{}, fmt.Errorf("pack %q: %w", name, ErrNotFound)
	}
	return load(name)
}

// Names returns the names of all packs, sorted.
func Names() ([]string, error) {
	dirs, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("read packs: %w", err)
	}
	out := make([]string, len(dirs))
	for i, d := range dirs {
		out[i] = d.Name()
	}
	return out, nil
}

func load(name string) (Pack, error) {
	var p Pack
	text, err := files.ReadFile(path.Join(name, "pack.yaml"))
	if err != nil {
		return p, fmt.Errorf("pack %s: %w", name, err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil {
		return p, fmt.Errorf("pack %s: %w", name, err)
	}
	text, err = files.ReadFile(path.Join(name, "dashboard.json"))
	if err != nil {
		return p, fmt.Errorf("pack %s: %w", name, err)
	}
	if p.Dashboard, err = dashboard.Parse(text); err != nil {
		return p, fmt.Errorf("pack %s: %w", name, err)
	}
	text, err = files.ReadFile(path.Join(name, "rules.yaml"))
	if err != nil {
		return p, fmt.Errorf("pack %s: %w", name, err)
	}
	p.Rules = string(text)
	if p.Name != name || p.Dashboard.Name != name {
		return p, fmt.Errorf("pack %s: named %q, its dashboard %q", name, p.Name, p.Dashboard.Name)
	}
	return p, nil
}

// Validate reports every mistake of the pack at once.
func (p Pack) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.Title == "" || p.Access == "" || p.Budget <= 0 || len(p.Metrics) == 0 {
		bad("title, access, budget and metrics are needed")
	}
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)
	seen := make(map[string]bool)
	for _, m := range p.Metrics {
		switch {
		case !name.MatchString(m.Name):
			bad("metric %q: not a name", m.Name)
		case seen[m.Name]:
			bad("metric %s: twice", m.Name)
		case m.Unit == "" || m.Description == "" || len(m.From) == 0:
			bad("metric %s: unit, description and from are needed", m.Name)
		case !slices.Contains([]string{Gauge, Sum, UpDown}, m.Type):
			bad("metric %s: type %q", m.Name, m.Type)
		}
		seen[m.Name] = true
	}
	errs = append(errs, p.Dashboard.Validate())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("pack %s: %w", p.Name, err)
	}
	return nil
}
