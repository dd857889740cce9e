// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const tomcatPage = `<?xml version="1.0" encoding="utf-8"?><?xml-stylesheet type="text/xsl" href="/manager/xform.xsl" ?>
<status><jvm><memory free='1' total='2' max='3'/><memorypool name='G1 Eden Space' type='Heap memory' usageInit='1' usageCommitted='200' usageMax='-1' usageUsed='100'/>
<memorypool name='Metaspace' type='Non-heap memory' usageInit='0' usageCommitted='20' usageMax='500' usageUsed='10'/></jvm>
<connector name='"http-nio-8080"'><threadInfo maxThreads="200" currentThreadCount="10" currentThreadsBusy="2" />
<requestInfo maxTime="150" processingTime="3000" requestCount="40" errorCount="4" bytesReceived="7" bytesSent="8000" /><workers><worker stage="S"/></workers></connector></status>`

func tomcatBeans() map[string]string {
	return map[string]string{
		"Catalina:type=Server":           "OK - Number of results: 1\r\n\r\nName: Catalina:type=Server\r\nmodelerType: org.apache.catalina.mbeans.MBeanFactory\r\nserverInfo: Apache Tomcat/10.1.30\r\nport: -1\r\n",
		"java.lang:type=Threading":       "OK - Number of results: 1\n\nName: java.lang:type=Threading\nThreadCount: 33\nPeakThreadCount: 40\n",
		"java.lang:type=ClassLoading":    "OK - Number of results: 1\n\nName: java.lang:type=ClassLoading\nLoadedClassCount: 5000\n",
		"java.lang:type=OperatingSystem": "OK - Number of results: 1\n\nName: java.lang:type=OperatingSystem\nProcessCpuTime: 1500000000\n",
		"java.lang:type=GarbageCollector,*": "OK - Number of results: 2\n\nName: java.lang:name=G1 Young Generation,type=GarbageCollector\nCollectionCount: 5\nCollectionTime: 60\n\n" +
			"Name: java.lang:name=G1 Old Generation,type=GarbageCollector\nCollectionCount: 0\nCollectionTime: 0\nMemoryPoolNames: Array[java.lang.String] of length 2\n",
		"Catalina:type=Manager,*": "OK - Number of results: 1\n\nName: Catalina:type=Manager,host=localhost,context=/shop\nactiveSessions: 12\nmaxActive: none\n",
	}
}

// tomcatServer is the manager of one user.
type tomcatServer struct {
	mu          sync.Mutex
	page        string // guarded by mu, as what follows is
	status, jmx int    // 0: answered
	beans       map[string]string
}

func (s *tomcatServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, _, _ := r.BasicAuth()
	switch {
	case r.URL.Path == "/manager/status" && r.URL.Query().Get("XML") == "true" && s.status != 0:
		w.WriteHeader(s.status)
	case r.URL.Path == "/manager/status" && r.URL.Query().Get("XML") == "true":
		if user != "strata" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, s.page)
	case r.URL.Path == "/manager/jmxproxy/" && s.jmx != 0:
		w.WriteHeader(s.jmx)
	case r.URL.Path == "/manager/jmxproxy/":
		_, _ = io.WriteString(w, s.beans[r.URL.Query().Get("qry")])
	default:
		http.NotFound(w, r)
	}
}

func tomcatUser() *Credential { return &Credential{Username: "strata", Password: "secret"} }

func TestTomcat(t *testing.T) {
	s := &tomcatServer{page: tomcatPage, beans: tomcatBeans()}
	r := open(t, target("tomcat", page(t, s.ServeHTTP), tomcatUser()))
	for range 2 {
		got, err := read(t, r)
		require.NoError(t, err)
		require.Equal(t, "10.1.30", got.Version)
		require.Empty(t, got.Missing)
		const connector, eden, meta = "{connector=http-nio-8080}", "{jvm.memory.pool.name=G1 Eden Space,jvm.memory.type=heap}", "{jvm.memory.pool.name=Metaspace,jvm.memory.type=non_heap}"
		require.Equal(t, map[string]float64{
			"thread_limit" + connector: 200, "thread_count" + connector: 10, "thread_busy" + connector: 2, "max_time" + connector: 150, "processing_time" + connector: 3000,
			"request_count" + connector: 40, "error_count" + connector: 4, "bytes_received" + connector: 7, "bytes_sent" + connector: 8000,
			"memory_used" + eden: 100, "memory_committed" + eden: 200, "memory_used" + meta: 10, "memory_committed" + meta: 20, "memory_limit" + meta: 500,
			"jvm_threads": 33, "jvm_classes": 5000, "jvm_cpu_time": 1.5e9, "gc_count{name=G1 Young Generation}": 5, "gc_time{name=G1 Young Generation}": 60,
			"gc_count{name=G1 Old Generation}": 0, "gc_time{name=G1 Old Generation}": 0, "sessions{context=/shop}": 12,
		}, values(got))
	}
}

// TestTomcatWithoutJMX: the status page alone is read, and the lines that give the rest are said once.
func TestTomcatWithoutJMX(t *testing.T) {
	s := &tomcatServer{page: tomcatPage, jmx: http.StatusForbidden}
	got, err := read(t, open(t, target("tomcat", page(t, s.ServeHTTP), tomcatUser())))
	require.NoError(t, err)
	require.Len(t, got.Samples, 14)
	require.Len(t, got.Missing, 1)
	require.Contains(t, got.Missing[0].Why, "403")
	require.Contains(t, got.Missing[0].How, "manager-jmx")
	require.NotContains(t, got.Missing[0].How, "secret")
}

// TestTomcatOddBeans: answers of the proxy in other forms are no samples.
func TestTomcatOddBeans(t *testing.T) {
	s := &tomcatServer{page: "<status></status>", beans: map[string]string{
		"Catalina:type=Server":     "OK - Number of results: 0\n",
		"java.lang:type=Threading": "ThreadCount: 3\nName: java.lang:type=Threading\nThreadCount: many\n",
		"Catalina:type=Manager,*":  "Error - javax.management.MalformedObjectNameException: x\n",
	}}
	got, err := read(t, open(t, target("tomcat", page(t, s.ServeHTTP), tomcatUser())))
	require.NoError(t, err)
	require.Empty(t, got.Version)
	require.Empty(t, got.Samples)
}

func TestTomcatRefuses(t *testing.T) {
	for status, how := range map[int]string{http.StatusUnauthorized: "manager-status", http.StatusForbidden: "manager-status", http.StatusNotFound: "tomcat10-admin", http.StatusFound: "manager-status"} {
		_, err := read(t, open(t, target("tomcat", page(t, (&tomcatServer{status: status}).ServeHTTP), nil)))
		missing := refusal(t, err)
		require.Contains(t, missing.Why, "/manager/status answers ")
		require.Contains(t, missing.How, how, status)
	}
}

func TestTomcatBroken(t *testing.T) {
	for _, text := range []string{"", "<html><body>x</body></html>", tomcatPage[:200], "OK"} {
		_, err := read(t, open(t, target("tomcat", page(t, (&tomcatServer{page: text}).ServeHTTP), tomcatUser())))
		unanswered(t, err, "read /manager/status")
	}
	// The connection ends between the two pages.
	s := &tomcatServer{page: tomcatPage}
	_, err := read(t, open(t, target("tomcat", page(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/manager/jmxproxy/" {
			panic(http.ErrAbortHandler)
		}
		s.ServeHTTP(w, r)
	}), tomcatUser())))
	unanswered(t, err, "jmxproxy", "EOF")
}

// TestTomcatAddresses: the shutdown port never answers HTTP; the one that does is kept, and looked for again when it is gone.
func TestTomcatAddresses(t *testing.T) {
	s := &tomcatServer{page: tomcatPage, beans: tomcatBeans()}
	to := target("tomcat", serve(t, silent).addr, tomcatUser())
	to.Addresses = []netip.AddrPort{nobody(t), page(t, s.ServeHTTP)}
	r := newTomcat(to)
	defer func() { _ = r.Close() }()
	_, err := read(t, r)
	require.NoError(t, err)
	require.Equal(t, to.Addresses[1], r.at)
	r.at = nobody(t)
	_, err = read(t, r)
	unanswered(t, err)
	require.False(t, r.at.IsValid())
	_, err = read(t, r)
	require.NoError(t, err)
	unanswered(t, hurried(t, open(t, target("tomcat", serve(t, silent).addr, nil))), "deadline exceeded")
}

func TestParseJMX(t *testing.T) {
	require.Empty(t, parseJMX(""))
	require.Empty(t, parseJMX("serverInfo: before any name\n"))
	beans := parseJMX("Name: a:type=X,name=" + url.QueryEscape("y z") + "\nk: v: w\nno colon\nName: b\n")
	require.Equal(t, []jmxBean{
		{keys: map[string]string{"type": "X", "name": "y+z"}, attributes: map[string]string{"k": "v: w"}},
		{keys: map[string]string{"": ""}, attributes: map[string]string{}},
	}, beans)
}
