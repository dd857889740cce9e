// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/internal/testutil/kafkatest"
	"github.com/strata-apm/strata/internal/testutil/middlewaretest"
	"github.com/strata-apm/strata/internal/testutil/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is every password of the tests; it must appear nowhere.
const secret = "s3cret-of-the-test"

// TestRealServers: one agent without configuration finds every real server, says exactly what it needs, takes it, fills every panel
// and sees a kill.
func TestRealServers(t *testing.T) {
	a := startAgent(t, nil)
	t.Run("servers", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *agent){
			"redis": testRedis, "nginx": testNginx, "mysql": testMySQL, "postgresql": testPostgreSQL, "tomcat": testTomcat, "kafka": testKafka,
			"memcached": testMemcached, "zookeeper": testZooKeeper, "rabbitmq": testRabbitMQ,
			"elasticsearch": testElasticsearch, "opensearch": testOpenSearch,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, a)
			})
		}
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	require.NoError(t, a.appendErr)
	for _, text := range a.texts {
		require.NotContains(t, text, secret)
	}
	require.NotContains(t, string(a.board.Sections()["middleware"]), secret)
}

func testRedis(t *testing.T, a *agent) {
	t.Helper()
	s := middlewaretest.Redis(t, "--requirepass", secret)
	e := a.waitState(t, "redis", s.Addr, 20*time.Second, "failed")
	require.Contains(t, e.Error, "NOAUTH")
	require.Equal(t, s.PID(), e.PID)
	a.addCredential(t, e.Missing[0].How, secret)
	e = a.waitState(t, "redis", s.Addr, 20*time.Second, "collecting")
	require.NotEmpty(t, e.Version)
	require.Contains(t, e.Collects, "redis.memory.used")
	a.charted(t, "redis", s.Port, func() {
		talk(t, s.Addr, "AUTH "+secret+"\r\nSET a b\r\nGET a\r\nGET none\r\nQUIT\r\n")
	})
	a.downAfter(t, "redis", s.Port, s.Kill)
}

// talk sends lines of a text protocol and waits until the server ends the connection.
func talk(t *testing.T, addr, lines string) {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = c.Write([]byte(lines))
	require.NoError(t, err)
	for buf := make([]byte, 4096); err == nil; {
		_, err = c.Read(buf)
	}
}

func testNginx(t *testing.T, a *agent) {
	t.Helper()
	s := middlewaretest.Nginx(t, "")
	e := a.waitState(t, "nginx", s.Addr, 20*time.Second, "failed")
	line := middlewaretest.Lines(e.Missing[0].How, "location")
	require.Len(t, line, 1)
	conf, err := os.ReadFile(s.Dir + "/nginx.conf")
	require.NoError(t, err)
	listen := "listen " + s.Addr + ";"
	s.Write("nginx.conf", strings.Replace(string(conf), listen, listen+" "+line[0], 1))
	require.NoError(t, syscall.Kill(s.PID(), syscall.SIGHUP))
	a.waitState(t, "nginx", s.Addr, 20*time.Second, "collecting")
	a.charted(t, "nginx", s.Port, func() { getPage(t, "http://"+s.Addr+"/") })
	a.downAfter(t, "nginx", s.Port, s.Kill)
}

func getPage(t *testing.T, page string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	require.NoError(t, err)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

func testMySQL(t *testing.T, a *agent) {
	t.Helper()
	s := middlewaretest.MariaDB(t)
	e := a.waitState(t, "mysql", s.Addr, 20*time.Second, "failed")
	require.Contains(t, e.Error, "1045")
	how := e.Missing[0].How
	for _, statement := range append(middlewaretest.Lines(how, "CREATE"), middlewaretest.Lines(how, "GRANT")...) {
		s.SQL(strings.ReplaceAll(statement, "CHOOSE-A-PASSWORD", secret))
	}
	a.addCredential(t, how, secret)
	e = a.waitState(t, "mysql", s.Addr, 20*time.Second, "limited")
	require.Equal(t, "replication state", e.Missing[0].What)
	s.SQL(strings.Replace(middlewaretest.Lines(e.Missing[0].How, "GRANT")[0], "REPLICATION CLIENT", "SLAVE MONITOR", 1))
	a.waitState(t, "mysql", s.Addr, 20*time.Second, "collecting")
	a.charted(t, "mysql", s.Port, func() {
		s.SQL("CREATE DATABASE IF NOT EXISTS shop; CREATE TABLE IF NOT EXISTS shop.t (a INT); INSERT INTO shop.t VALUES (1); SELECT * FROM shop.t")
	})
	a.downAfter(t, "mysql", s.Port, s.Kill)
}

func testPostgreSQL(t *testing.T, a *agent) {
	t.Helper()
	s := pgtest.Start(t)
	u, err := url.Parse(s.Database())
	require.NoError(t, err)
	e := a.waitState(t, "postgresql", u.Host, 20*time.Second, "failed")
	require.Contains(t, e.Error, "password")
	// The owner of the cluster has the name already.
	how := strings.NewReplacer(" strata ", " agent ", `"strata"`, `"agent"`).Replace(e.Missing[0].How)
	s.Exec(strings.ReplaceAll(middlewaretest.Lines(how, "CREATE")[0], "CHOOSE-A-PASSWORD", secret))
	a.addCredential(t, how, secret)
	e = a.waitState(t, "postgresql", u.Host, 20*time.Second, "limited")
	require.Contains(t, e.Missing[0].Why, "pg_monitor")
	s.Exec(middlewaretest.Lines(e.Missing[0].How, "GRANT")[0])
	e = a.waitState(t, "postgresql", u.Host, 20*time.Second, "collecting")
	require.NotEmpty(t, e.Version)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), u.String())
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	a.charted(t, "postgresql", port, func() {
		_, err := conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS t (a int); INSERT INTO t VALUES (1); SELECT * FROM t")
		require.NoError(t, err)
	})
	a.downAfter(t, "postgresql", port, s.Kill)
}

func testTomcat(t *testing.T, a *agent) {
	t.Helper()
	s := middlewaretest.Tomcat(t, "")
	e := a.waitState(t, "tomcat", s.Addr, 20*time.Second, "failed")
	require.Contains(t, e.Error, "401")
	how := e.Missing[0].How
	users := strings.Join(append(middlewaretest.Lines(how, "<role"), middlewaretest.Lines(how, "<user")...), "\n")
	// First without the second role: what it would give is told.
	s.SetUsers(strings.ReplaceAll(strings.ReplaceAll(users, "CHOOSE-A-PASSWORD", secret), "manager-status,manager-jmx", "manager-status"))
	a.addCredential(t, how, secret)
	e = a.waitState(t, "tomcat", s.Addr, 30*time.Second, "limited")
	require.Contains(t, e.Missing[0].Why, "manager-jmx")
	s.SetUsers(strings.ReplaceAll(users, "CHOOSE-A-PASSWORD", secret))
	e = a.waitState(t, "tomcat", s.Addr, 30*time.Second, "collecting")
	require.True(t, strings.HasPrefix(e.Version, "10."), e.Version)
	a.charted(t, "tomcat", s.Port, func() { getPage(t, "http://"+s.Addr+"/hello.txt") })
	a.downAfter(t, "tomcat", s.Port, s.Kill)
}

func testKafka(t *testing.T, a *agent) {
	t.Helper()
	k := kafkatest.Start(t, kafkatest.Options{})
	addr := k.Brokers[0]
	_, text, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	a.waitState(t, "kafka", addr, 30*time.Second, "collecting")
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	_, err = (&kafkago.Client{Addr: kafkago.TCP(addr), Transport: transport}).CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{
		Topics: []kafkago.TopicConfig{{Topic: "orders", NumPartitions: 2, ReplicationFactor: 1}},
	})
	require.NoError(t, err)
	w := &kafkago.Writer{Addr: kafkago.TCP(addr), Topic: "orders", BatchTimeout: 10 * time.Millisecond, Transport: transport}
	defer func() { _ = w.Close() }()
	produce := func() error { return w.WriteMessages(t.Context(), kafkago.Message{Value: []byte("x")}) }
	eventually(t, 30*time.Second, "the topic takes records", produce)
	r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{addr}, GroupID: "billing", Topic: "orders", StartOffset: kafkago.FirstOffset, MaxWait: 100 * time.Millisecond})
	defer func() { _ = r.Close() }()
	_, err = r.ReadMessage(t.Context()) // Commits.
	require.NoError(t, err)
	for range 5 {
		require.NoError(t, produce())
	}
	a.charted(t, "kafka", port, func() { require.NoError(t, produce()) })
	lag, err := a.query(t.Context(), `kafka_consumer_group_lag_sum{group="billing", topic="orders"}`)
	require.NoError(t, err)
	require.Len(t, lag, 1)
	require.GreaterOrEqual(t, lag[0].F, 5.0, fmt.Sprint(lag))
	a.downAfter(t, "kafka", port, func() { require.NoError(t, k.Kill(t.Context(), 1)) })
}

func testMemcached(t *testing.T, a *agent) {
	t.Helper()
	s := middlewaretest.Memcached(t)
	e := a.waitState(t, "memcached", s.Addr, 20*time.Second, "collecting")
	require.NotEmpty(t, e.Version)
	a.charted(t, "memcached", s.Port, func() { talk(t, s.Addr, "set a 0 0 1\r\nx\r\nget a\r\nget none\r\nquit\r\n") })
	a.downAfter(t, "memcached", s.Port, s.Kill)
}

func testZooKeeper(t *testing.T, a *agent) {
	t.Helper()
	t.Run("by default", func(t *testing.T) {
		s := middlewaretest.ZooKeeper(t, "")
		e := a.waitState(t, "zookeeper", s.Addr, 30*time.Second, "limited")
		require.Contains(t, e.Missing[0].How, "4lw.commands.whitelist=srvr,mntr")
		require.Contains(t, e.Collects, "zookeeper.znode.count")
	})
	s := middlewaretest.ZooKeeper(t, "4lw.commands.whitelist=srvr,mntr")
	e := a.waitState(t, "zookeeper", s.Addr, 30*time.Second, "collecting")
	require.NotEmpty(t, e.Version)
	a.charted(t, "zookeeper", s.Port, func() {})
	a.downAfter(t, "zookeeper", s.Port, s.Kill)
}

func testRabbitMQ(t *testing.T, a *agent) {
	t.Helper()
	s := middlewaretest.RabbitMQ(t)
	e := a.waitState(t, "rabbitmq", s.Addr, 60*time.Second, "failed")
	line := middlewaretest.Lines(e.Missing[0].How, "rabbitmq-plugins")
	require.Equal(t, []string{"rabbitmq-plugins enable rabbitmq_management"}, line)
	s.RabbitMQPlugins("enable", "rabbitmq_management")
	e = a.waitState(t, "rabbitmq", s.Addr, 60*time.Second, "collecting")
	require.NotEmpty(t, e.Version)
	s.RabbitMQPublish("orders")
	a.charted(t, "rabbitmq", s.Port, func() {})
	a.downAfter(t, "rabbitmq", s.Port, s.Kill)
}
