// SPDX-License-Identifier: Apache-2.0

package middlewaretest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql" // The driver.
	"github.com/stretchr/testify/require"
)

// Redis starts redis-server. Further arguments are its own, for example "--requirepass", "secret".
func Redis(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return start(tb, func(s *Server) []string {
		return append([]string{
			"redis-server", "--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--dir", s.Dir, "--save", "", "--daemonize", "no",
		}, args...)
	}, listens)
}

// Nginx starts nginx with the given directives in its only server block.
func Nginx(tb testing.TB, directives string) *Server {
	tb.Helper()
	return start(tb, func(s *Server) []string {
		var temp strings.Builder
		for _, k := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			fmt.Fprintf(&temp, "%s_temp_path %s/%s;\n", k, s.Dir, k)
		}
		conf := s.Write("nginx.conf", fmt.Sprintf("daemon off;\npid %s/pid;\nworker_processes 1;\nevents {}\nhttp {\n%saccess_log off;\nserver { listen 127.0.0.1:%d; %s }\n}\n",
			s.Dir, temp.String(), s.Port, directives))
		return []string{"nginx", "-p", s.Dir, "-c", conf, "-e", "stderr"}
	}, listens)
}

// RootPassword is MariaDB's.
const RootPassword = "root-secret"

// MariaDB starts mariadbd, whose root has a password.
func MariaDB(tb testing.TB) *Server {
	tb.Helper()
	return start(tb, func(s *Server) []string {
		install := exec.CommandContext(tb.Context(), "mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+s.Dir+"/data", "--skip-test-db", //nolint:gosec // Our own folder.
			"--auth-root-authentication-method=normal")
		out, err := install.CombinedOutput()
		require.NoError(tb, err, "%s", out)
		init := s.Write("init.sql", "SET PASSWORD FOR root@localhost = PASSWORD('"+RootPassword+"');\nDELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');\nFLUSH PRIVILEGES;\n")
		return []string{
			"mariadbd", "--no-defaults", "--user=root", "--datadir=" + s.Dir + "/data", "--socket=" + s.Dir + "/sock", "--bind-address=127.0.0.1",
			"--port=" + strconv.Itoa(s.Port), "--init-file=" + init, "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0",
			"--max-connections=50", "--pid-file=" + s.Dir + "/pid",
		}
	}, func(ctx context.Context, s *Server) error { return s.mysql(ctx, "SELECT 1") })
}

func (s *Server) mysql(ctx context.Context, statements string) error {
	db, err := sql.Open("mysql", "root:"+RootPassword+"@tcp("+s.Addr+")/?multiStatements=true")
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	_, err = db.ExecContext(ctx, statements)
	return errors.Join(err, db.Close())
}

// SQL runs statements as MariaDB's root.
func (s *Server) SQL(statements string) {
	s.tb.Helper()
	require.NoError(s.tb, s.mysql(s.tb.Context(), statements))
}

// Tomcat starts Tomcat with the manager application. Users is what stands inside <tomcat-users>; Tomcat reads it again when SetUsers
// changes it.
func Tomcat(tb testing.TB, users string) *Server {
	tb.Helper()
	return start(tb, func(s *Server) []string {
		s.Write("conf/server.xml", fmt.Sprintf(`<Server port="-1"><GlobalNamingResources>
<Resource name="UserDatabase" auth="Container" type="org.apache.catalina.UserDatabase" factory="org.apache.catalina.users.MemoryUserDatabaseFactory" pathname="conf/tomcat-users.xml"/>
</GlobalNamingResources><Service name="Catalina"><Connector port="%d" address="127.0.0.1" protocol="HTTP/1.1" maxThreads="20"/>
<Engine name="Catalina" defaultHost="localhost" backgroundProcessorDelay="1"><Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="UserDatabase"/>
<Host name="localhost" appBase="webapps" autoDeploy="false"/></Engine></Service></Server>`, s.Port))
		s.Write("conf/Catalina/localhost/manager.xml", `<Context docBase="/usr/share/tomcat10-admin/manager" privileged="true"/>`)
		s.Write("conf/web.xml", `<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0"><servlet><servlet-name>jsp</servlet-name>
<servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class></servlet><servlet-mapping><servlet-name>jsp</servlet-name><url-pattern>*.jsp</url-pattern></servlet-mapping></web-app>`)
		s.Write("webapps/ROOT/hello.txt", "hello\n")
		s.Write("temp/.keep", "")
		s.SetUsers(users)
		return append(java("-Dcatalina.home=/usr/share/tomcat10", "-Dcatalina.base="+s.Dir, "-Djava.io.tmpdir="+s.Dir+"/temp"),
			"-cp", "/usr/share/tomcat10/bin/bootstrap.jar:/usr/share/tomcat10/bin/tomcat-juli.jar", "org.apache.catalina.startup.Bootstrap", "start")
	}, func(ctx context.Context, s *Server) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr+"/manager/status", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusUnauthorized {
			err = fmt.Errorf("the manager answers %s", resp.Status)
		}
		return errors.Join(err, resp.Body.Close())
	})
}

// SetUsers replaces what stands inside Tomcat's <tomcat-users>.
func (s *Server) SetUsers(users string) {
	s.tb.Helper()
	s.Write("conf/tomcat-users.xml", "<tomcat-users>\n"+users+"\n</tomcat-users>\n")
}

// java is the beginning of a command line that starts quickly and stays small.
func java(options ...string) []string {
	return append([]string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m", "-Xshare:auto"}, options...)
}

// Lines returns those lines of a text that begin with prefix, for what an agent tells to add.
func Lines(text, prefix string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			out = append(out, strings.TrimRight(line, "\n"))
		}
	}
	return out
}
