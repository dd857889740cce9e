// SPDX-License-Identifier: Apache-2.0

package middlewaretest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Memcached starts memcached.
func Memcached(tb testing.TB) *Server {
	tb.Helper()
	return start(tb, func(s *Server) []string {
		return []string{"memcached", "-l", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-U", "0", "-u", "root", "-m", "16", "-t", "1"}
	}, listens)
}

// ZooKeeper starts a ZooKeeper of one server with further lines of zoo.cfg.
func ZooKeeper(tb testing.TB, lines string) *Server {
	tb.Helper()
	return start(tb, func(s *Server) []string {
		conf := s.Write("zoo.cfg", fmt.Sprintf("dataDir=%s/data\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n%s\n", s.Dir, s.Port, lines))
		// The class path is that of Debian's unit.
		return append(java("-Dzookeeper.jmx.log4j.disable=true"), "-cp", "/etc/zookeeper/conf:/usr/share/java/zookeeper.jar",
			"org.apache.zookeeper.server.quorum.QuorumPeerMain", conf)
	}, serves)
}

// serves is a ready for ZooKeeper, which listens before it serves; a client that comes too early waits for a minute.
func serves(ctx context.Context, s *Server) error {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte("srvr")); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	answer, err := io.ReadAll(c)
	if err == nil && !strings.Contains(string(answer), "Mode: ") {
		err = fmt.Errorf("it answers %q", answer)
	}
	return err
}

// RabbitMQ starts RabbitMQ as Debian does, without the management plugin.
func RabbitMQ(tb testing.TB) *Server {
	tb.Helper()
	epmd := 0
	s := start(tb, func(s *Server) []string {
		// AMQP has the lowest port, by which the instance is known.
		ports := []int{s.Port, FreePort(tb), FreePort(tb), FreePort(tb)}
		slices.Sort(ports)
		s.Port, epmd = ports[0], ports[1]
		s.Addr = "127.0.0.1:" + strconv.Itoa(s.Port)
		conf := s.Write("rabbitmq.conf", fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %d\nlog.console = true\n", s.Port, ports[2]))
		s.management = "127.0.0.1:" + strconv.Itoa(ports[2])
		s.env = []string{
			"RABBITMQ_NODENAME=strata" + strconv.Itoa(s.Port) + "@localhost", "RABBITMQ_CONFIG_FILE=" + conf, "RABBITMQ_MNESIA_BASE=" + s.Dir + "/mnesia",
			"RABBITMQ_LOG_BASE=" + s.Dir, "RABBITMQ_ENABLED_PLUGINS_FILE=" + s.Write("enabled_plugins", "[]."), "RABBITMQ_CONF_ENV_FILE=/dev/null",
			"RABBITMQ_DIST_PORT=" + strconv.Itoa(ports[3]), "ERL_EPMD_PORT=" + strconv.Itoa(epmd), "ERL_EPMD_ADDRESS=127.0.0.1",
			"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1 +sbwt none",
		}
		return []string{"/usr/lib/rabbitmq/bin/rabbitmq-server"}
	}, listens)
	// Erlang's port mapper is a daemon of its own; it ends when no node is left.
	tb.Cleanup(func() {
		s.Kill()
		var out []byte
		err := errors.New("not tried")
		for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			out, err = s.command("epmd", "-port", strconv.Itoa(epmd), "-kill").CombinedOutput()
		}
		require.NoError(tb, err, "%s", out)
	})
	return s
}

// RabbitMQPlugins runs rabbitmq-plugins on the server.
func (s *Server) RabbitMQPlugins(args ...string) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var err error
	var out []byte
	for ctx.Err() == nil { // The listener opens before the node takes commands.
		if out, err = s.command("/usr/lib/rabbitmq/bin/rabbitmq-plugins", args...).CombinedOutput(); err == nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	require.NoError(s.tb, errors.Join(err, ctx.Err()), "%s", out)
}

// RabbitMQPublish declares a queue and publishes one message to it, by the management API.
func (s *Server) RabbitMQPublish(queue string) {
	s.tb.Helper()
	for _, call := range []struct{ method, path, body string }{
		{http.MethodPut, "/api/queues/%2F/" + queue, "{}"},
		{http.MethodPost, "/api/exchanges/%2F/amq.default/publish", `{"properties":{},"routing_key":"` + queue + `","payload":"x","payload_encoding":"string"}`},
	} {
		req, err := http.NewRequestWithContext(s.tb.Context(), call.method, "http://"+s.management+call.path, strings.NewReader(call.body))
		require.NoError(s.tb, err)
		req.SetBasicAuth("guest", "guest")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(s.tb, err)
		require.Less(s.tb, resp.StatusCode, 300)
		require.NoError(s.tb, resp.Body.Close())
	}
	http.DefaultClient.CloseIdleConnections()
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // The server's own tools.
	cmd.Dir, cmd.Env = s.Dir, s.environment()
	return cmd
}

// environment is nothing of ours: no variable of the test leads a server astray.
func (s *Server) environment() []string {
	return append([]string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + s.Dir, "LC_ALL=C.UTF-8"}, s.env...)
}
