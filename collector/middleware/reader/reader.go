// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// Sample is one value as the middleware names it. Packs map fields to metrics; tags become attributes.
type Sample struct {
	Field string
	// Value is in the middleware's own unit; the pack knows which.
	Value float64
	// Tags are nil for a value of the instance as a whole.
	Tags map[string]string
}

// Missing is something that could be collected with more access.
type Missing struct {
	// The field What names the data, Why is the reason as the middleware gave it.
	What string `json:"what"`
	Why  string `json:"why"`
	// How is the exact lines to add, and where.
	How string `json:"how"`
}

// Reading is what one look gave. Samples of the instance come before those of its parts (databases, topics), so that a full budget
// drops parts.
type Reading struct {
	// Version is empty where the middleware does not tell it.
	Version string
	Samples []Sample
	// Missing is empty when everything was read.
	Missing []Missing
}

// add appends a value without tags, or with pairs of them.
func (r *Reading) add(field string, value float64, tags ...string) {
	s := Sample{Field: field, Value: value}
	if len(tags) > 0 {
		s.Tags = make(map[string]string, len(tags)/2)
		for i := 0; i+1 < len(tags); i += 2 {
			s.Tags[tags[i]] = tags[i+1]
		}
	}
	r.Samples = append(r.Samples, s)
}

// Credential is how to sign in to middleware. It is never printed.
type Credential struct {
	// Kind is a pack's name; Address is host:port, empty for every instance of the kind on this host.
	Kind     string `yaml:"kind"`
	Address  string `yaml:"address"`
	Username string `yaml:"username"`
	Password string `yaml:"password"`
	// Mechanism is how to sign in to Kafka: PLAIN (default), SCRAM-SHA-256 or SCRAM-SHA-512.
	Mechanism string `yaml:"mechanism"`
	// TLS encrypts the connection where the protocol has both forms. Certificates are checked unless the address is loopback.
	TLS bool `yaml:"tls"`
	// URL replaces the usual paths of a status page.
	URL string `yaml:"url"`
}

// String hides everything.
func (Credential) String() string { return "<hidden>" }

// GoString hides everything.
func (Credential) GoString() string { return "<hidden>" }

// Target is the instance to read.
type Target struct {
	// Kind is a pack's name.
	Kind string
	// Address is the one that the instance is known by, Addresses are all its sockets as they are reached from this host.
	Address   netip.AddrPort
	Addresses []netip.AddrPort
	// Cmdline is the process's command line with the program first; nil for a target that was configured by its address.
	Cmdline []string
	// Credential is nil when the host's file has none for it.
	Credential *Credential
}

// Reader reads one instance. It is for one user; the context bounds each call.
type Reader interface {
	// Read looks once. An AccessError says that the instance answers and refuses us; any other error that it does not answer.
	Read(ctx context.Context) (Reading, error)
	// Close ends the connections.
	Close() error
}

// AccessError says that the instance runs and does not let us read.
type AccessError struct {
	Missing Missing
	Err     error
}

func (e *AccessError) Error() string { return e.Missing.Why }

func (e *AccessError) Unwrap() error { return e.Err }

// ErrUnknownKind says that there is no reader for the kind.
var ErrUnknownKind = errors.New("no reader")

// New makes the reader of a target. It opens nothing.
func New(t Target) (Reader, error) {
	switch t.Kind {
	case "redis":
		return newRedis(t), nil
	case "nginx":
		return newNginx(t), nil
	case "mysql":
		return newMySQL(t), nil
	case "postgresql":
		return newPostgres(t), nil
	case "tomcat":
		return newTomcat(t), nil
	case "kafka":
		return newKafka(t), nil
	case "memcached":
		return newMemcached(t), nil
	case "rabbitmq":
		return newRabbitMQ(t), nil
	case "zookeeper":
		return newZooKeeper(t), nil
	case "elasticsearch":
		return newElasticsearch(t), nil
	default:
		return nil, fmt.Errorf("%s: %w", t.Kind, ErrUnknownKind)
	}
}

// credentialLine is what to add to the credentials file. Fields are pairs of key and value.
func credentialLine(t Target, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- {kind: %s, address: %q", t.Kind, t.Address.String())
	for i := 0; i+1 < len(fields); i += 2 {
		fmt.Fprintf(&b, ", %s: %q", fields[i], fields[i+1])
	}
	b.WriteString("}")
	return "# as root, on this host, in /etc/strata-agent/credentials.yaml; then: systemctl restart strata-agent\n" + b.String()
}

// ordered returns the target's addresses with the main one first.
func (t Target) ordered() []netip.AddrPort {
	out := []netip.AddrPort{t.Address}
	for _, a := range t.Addresses {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// dial connects; the connection has the deadline of the context.
func dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// systemUser is the name of the user the agent runs as, empty when it has none.
func systemUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// number reads what middleware writes as a number; ok is false for other texts.
func number(text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}
