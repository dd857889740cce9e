// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

type tomcat struct {
	*web
	at netip.AddrPort // the address that answered HTTP last
}

func newTomcat(t Target) *tomcat { return &tomcat{web: newWeb(t)} }

// tomcatStatus is /manager/status?XML=true.
type tomcatStatus struct {
	XMLName xml.Name `xml:"status"`
	JVM     struct {
		Pools []struct {
			Name      string  `xml:"name,attr"`
			Type      string  `xml:"type,attr"`
			Committed float64 `xml:"usageCommitted,attr"`
			Max       float64 `xml:"usageMax,attr"`
			Used      float64 `xml:"usageUsed,attr"`
		} `xml:"memorypool"`
	} `xml:"jvm"`
	Connectors []struct {
		Name    string `xml:"name,attr"`
		Threads struct {
			Max     float64 `xml:"maxThreads,attr"`
			Current float64 `xml:"currentThreadCount,attr"`
			Busy    float64 `xml:"currentThreadsBusy,attr"`
		} `xml:"threadInfo"`
		Requests struct {
			MaxTime    float64 `xml:"maxTime,attr"`
			Processing float64 `xml:"processingTime,attr"`
			Count      float64 `xml:"requestCount,attr"`
			Errors     float64 `xml:"errorCount,attr"`
			Received   float64 `xml:"bytesReceived,attr"`
			Sent       float64 `xml:"bytesSent,attr"`
		} `xml:"requestInfo"`
	} `xml:"connector"`
}

// Read implements Reader.
func (t *tomcat) Read(ctx context.Context) (Reading, error) {
	status, body, err := t.status(ctx)
	if err != nil {
		return Reading{}, err
	}
	if status != http.StatusOK {
		return Reading{}, t.refused(status)
	}
	var page tomcatStatus
	if err := xml.Unmarshal(body, &page); err != nil {
		return Reading{}, fmt.Errorf("read /manager/status: %w", err)
	}
	r := page.reading()
	return r, t.jmx(ctx, &r)
}

// status asks the address that worked before, otherwise each one, the shutdown port of a default installation last.
func (t *tomcat) status(ctx context.Context) (status int, body []byte, err error) {
	addrs := t.t.ordered()
	if t.at.IsValid() {
		addrs = []netip.AddrPort{t.at}
	}
	for _, addr := range addrs {
		status, body, err = t.probe(ctx, addr, len(addrs) > 1)
		if err == nil {
			t.at = addr
			return status, body, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	t.at = netip.AddrPort{}
	return 0, nil, err
}

// probe asks one address; of several, others than HTTP's may never answer.
func (t *tomcat) probe(ctx context.Context, addr netip.AddrPort, several bool) (int, []byte, error) {
	if several {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, probeTimeout)
		defer cancel()
	}
	return t.get(ctx, t.url(addr, "/manager/status?XML=true"))
}

func (s tomcatStatus) reading() Reading {
	var r Reading
	for _, c := range s.Connectors {
		name := strings.Trim(c.Name, `"`)
		for field, v := range map[string]float64{
			"thread_limit": c.Threads.Max, "thread_count": c.Threads.Current, "thread_busy": c.Threads.Busy,
			"max_time": c.Requests.MaxTime, "processing_time": c.Requests.Processing, "request_count": c.Requests.Count,
			"error_count": c.Requests.Errors, "bytes_received": c.Requests.Received, "bytes_sent": c.Requests.Sent,
		} {
			r.add(field, v, "connector", name)
		}
	}
	for _, p := range s.JVM.Pools {
		kind := "heap"
		if strings.HasPrefix(p.Type, "Non") {
			kind = "non_heap"
		}
		tags := []string{"jvm.memory.type", kind, "jvm.memory.pool.name", p.Name}
		r.add("memory_used", p.Used, tags...)
		r.add("memory_committed", p.Committed, tags...)
		if p.Max > 0 {
			r.add("memory_limit", p.Max, tags...)
		}
	}
	return r
}

// tomcatUser is what to add for a user of the manager.
func (t *tomcat) tomcatUser() string {
	return "<!-- in conf/tomcat-users.xml (Debian: /etc/tomcat10/tomcat-users.xml), inside <tomcat-users>; Tomcat notices within ten seconds -->\n" +
		`<role rolename="manager-status"/><role rolename="manager-jmx"/>` + "\n" +
		`<user username="strata" password="CHOOSE-A-PASSWORD" roles="manager-status,manager-jmx"/>` + "\n" +
		credentialLine(t.t, "username", "strata", "password", "CHOOSE-A-PASSWORD")
}

func (t *tomcat) refused(status int) error {
	m := Missing{What: "everything: requests, errors, threads, sessions, memory", Why: fmt.Sprintf("/manager/status answers %d", status), How: t.tomcatUser()}
	switch status {
	case http.StatusNotFound:
		m.Why += ": the manager application is not there"
		m.How = "# install the manager application; on Debian, as root:\napt-get install tomcat10-admin\n" + m.How
	case http.StatusForbidden:
		m.Why += ": the user lacks the role manager-status, or the manager allows other addresses only"
	}
	return &AccessError{Err: errors.New(m.Why), Missing: m}
}

// jmx reads what the manager's JMX proxy tells to the role manager-jmx.
func (t *tomcat) jmx(ctx context.Context, r *Reading) error {
	for _, query := range []string{
		"Catalina:type=Server", "java.lang:type=Threading", "java.lang:type=ClassLoading", "java.lang:type=OperatingSystem",
		"java.lang:type=GarbageCollector,*", "Catalina:type=Manager,*",
	} {
		status, body, err := t.get(ctx, t.url(t.at, "/manager/jmxproxy/?qry="+url.QueryEscape(query)))
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			r.Missing = append(r.Missing, Missing{
				What: "sessions, threads, classes, garbage collections and CPU time of the JVM",
				Why:  fmt.Sprintf("/manager/jmxproxy answers %d: the user lacks the role manager-jmx", status), How: t.tomcatUser(),
			})
			return nil
		}
		for _, bean := range parseJMX(string(body)) {
			bean.read(r)
		}
	}
	return nil
}

// jmxBean is one object of the JMX proxy's answer.
type jmxBean struct {
	keys       map[string]string // of the object's name
	attributes map[string]string
}

func parseJMX(text string) []jmxBean {
	var out []jmxBean
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		switch {
		case !ok:
		case key == "Name":
			b := jmxBean{keys: make(map[string]string), attributes: make(map[string]string)}
			_, props, _ := strings.Cut(value, ":")
			for pair := range strings.SplitSeq(props, ",") {
				k, v, _ := strings.Cut(pair, "=")
				b.keys[k] = v
			}
			out = append(out, b)
		case len(out) > 0:
			out[len(out)-1].attributes[key] = value
		}
	}
	return out
}

func (b jmxBean) read(r *Reading) {
	take := func(attribute, field string, tags ...string) {
		if v, ok := number(b.attributes[attribute]); ok {
			r.add(field, v, tags...)
		}
	}
	switch b.keys["type"] {
	case "Server":
		if m := regexp.MustCompile(`/(\S+)`).FindStringSubmatch(b.attributes["serverInfo"]); m != nil {
			r.Version = m[1]
		}
	case "Threading":
		take("ThreadCount", "jvm_threads")
	case "ClassLoading":
		take("LoadedClassCount", "jvm_classes")
	case "OperatingSystem":
		take("ProcessCpuTime", "jvm_cpu_time")
	case "GarbageCollector":
		take("CollectionCount", "gc_count", "name", b.keys["name"])
		take("CollectionTime", "gc_time", "name", b.keys["name"])
	case "Manager":
		take("activeSessions", "sessions", "context", b.keys["context"])
	}
}
