// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// startTimeout bounds how long the child may take to answer: loading many parts takes seconds, a stuck start must not last.
	startTimeout = 2 * time.Minute
	pollInterval = 10 * time.Millisecond
	// oomScore makes the kernel choose the child before the server when memory runs out: it is restarted and nothing is lost.
	oomScore = 500
)

// runChild starts one child and returns when it has ended.
func (s *Supervisor) runChild(ctx context.Context, restarts int) error {
	// The child must not die with ctx: it is asked to close and killed only when it does not.
	cmd := exec.Command(s.opts.Command[0], s.childArgs()...) //nolint:gosec,noctx // the command is this program
	cmd.Env = append(os.Environ(), s.opts.Env...)
	// A process group of its own: an interrupt typed in the terminal is for the parent to handle.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	output := &lineLog{emit: func(line string) { s.log.Info("engine output", "line", line) }}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	pid := cmd.Process.Pid
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte(strconv.Itoa(oomScore)), 0o600)

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err = s.awaitAnswer(ctx, ended)
	if err == nil {
		s.setState(State{Phase: OK, Message: "", Restarts: restarts, PID: pid})
		s.log.Info("the engine is up", "pid", pid, "restarts", restarts)
		select {
		case err := <-ended:
			return s.died(err, output)
		case <-ctx.Done():
		case <-s.stop:
		}
		s.setState(State{Phase: Stopped, Message: "the engine is stopping", Restarts: restarts, PID: pid})
	} else if errors.Is(err, errDied) {
		return s.died(errors.Unwrap(err), output)
	}
	_ = stdin.Close()
	timeout := time.NewTimer(s.opts.StopTimeout)
	defer timeout.Stop()
	select {
	case <-ended: //nolint:errcheck // It was told to stop; how it ended does not matter.
	case <-timeout.C:
		s.log.Warn("the engine does not close, killing it", "pid", pid)
		_ = cmd.Process.Kill()
		<-ended //nolint:errcheck // It was killed, and the log says so.
	}
	return err
}

// errDied says that the child ended before it answered; it is always wrapped around the reason by diedError.
var errDied = errors.New("the engine ended")

type diedError struct{ reason error }

func (d *diedError) Error() string        { return "the engine ended" }
func (d *diedError) Is(target error) bool { return target == errDied }
func (d *diedError) Unwrap() error        { return d.reason }

func (s *Supervisor) died(reason error, output *lineLog) error {
	what := "it exited without an error"
	if reason != nil {
		what = reason.Error()
	}
	// A killed child has said nothing about its end; one that gave up has, in its last line.
	if last := output.last(); last != "" && what != "signal: killed" {
		what += ": " + last
	}
	return errors.New("the engine ended: " + what)
}

// awaitAnswer polls /ping until the child answers.
func (s *Supervisor) awaitAnswer(ctx context.Context, ended <-chan error) error {
	client := &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return s.dial(ctx)
		}},
	}
	deadline := time.Now().Add(startTimeout)
	for {
		if ping(ctx, client) == nil {
			return nil
		}
		select {
		case err := <-ended:
			return &diedError{reason: err}
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stop:
			return context.Canceled
		case <-time.After(pollInterval):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the engine did not answer within %s", startTimeout)
		}
	}
}

func ping(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/ping", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// lineLog passes on what the child prints, line by line, and remembers the last line for the message of its death.
type lineLog struct {
	emit func(string)

	mu      sync.Mutex // protects the fields below
	partial []byte
	lastOne string
}

// maxLine bounds what is kept of a line without an end.
const maxLine = 64 << 10

func (l *lineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		advance, line, _ := bufio.ScanLines(l.partial, len(l.partial) > maxLine)
		if advance == 0 {
			return len(p), nil
		}
		if len(line) > 0 {
			l.lastOne = string(line)
			l.emit(l.lastOne)
		}
		l.partial = append(l.partial[:0], l.partial[advance:]...)
	}
}

func (l *lineLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastOne
}
