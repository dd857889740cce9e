// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"slices"
	"strings"
)

// interesting says by a process' name alone whether its command line is worth reading.
func interesting(comm string) bool {
	switch comm {
	case "nginx", "redis-server", "valkey-server", "mysqld", "mariadbd", "postgres", "postmaster", "memcached", "beam.smp", "java":
		return true
	default:
		return false
	}
}

// recognise names the pack of a process, empty when it is none.
func recognise(comm string, cmdline []string) string {
	switch comm {
	case "redis-server", "valkey-server":
		return "redis"
	case "mysqld", "mariadbd":
		return "mysql"
	case "postgres", "postmaster":
		return "postgresql"
	case "nginx", "memcached":
		return comm
	case "beam.smp":
		if slices.ContainsFunc(cmdline, func(a string) bool {
			return a == "rabbit" || strings.HasPrefix(a, "rabbit@") || strings.Contains(a, "rabbitmq_server")
		}) {
			return "rabbitmq"
		}
	case "java":
		return recogniseJava(cmdline)
	}
	return ""
}

// recogniseJava goes by the main class, which is an argument of its own.
func recogniseJava(cmdline []string) string {
	for _, arg := range cmdline[1:] {
		switch arg {
		case "org.apache.catalina.startup.Bootstrap":
			return "tomcat"
		case "kafka.Kafka":
			return "kafka"
		case "org.apache.zookeeper.server.quorum.QuorumPeerMain", "org.apache.zookeeper.server.ZooKeeperServerMain":
			return "zookeeper"
		case "org.elasticsearch.bootstrap.Elasticsearch", "org.elasticsearch.server/org.elasticsearch.bootstrap.Elasticsearch",
			"org.opensearch.bootstrap.OpenSearch":
			return "elasticsearch"
		}
	}
	return ""
}

// usualPorts are the ports by which an instance of the kind is known, the preferred one first.
func usualPorts(kind string) []uint16 {
	switch kind {
	case "nginx":
		return []uint16{80, 443, 8080}
	case "redis":
		return []uint16{6379}
	case "mysql":
		return []uint16{3306}
	case "postgresql":
		return []uint16{5432}
	case "memcached":
		return []uint16{11211}
	case "rabbitmq":
		return []uint16{5672, 5671}
	case "tomcat":
		return []uint16{8080, 8443, 80}
	case "kafka":
		return []uint16{9092}
	case "zookeeper":
		return []uint16{2181}
	case "elasticsearch":
		return []uint16{9200}
	default:
		return nil
	}
}

// internalPort says whether a port is for the kind's own cluster. It opens before the one that an instance is known by.
func internalPort(kind string, port uint16) bool {
	switch kind {
	case "elasticsearch":
		return port >= 9300 && port < 9400
	case "rabbitmq":
		return port == 25672
	default:
		return false
	}
}
