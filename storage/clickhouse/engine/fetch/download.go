// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// stall is how long a download may go without a byte before it is given up; what arrived is kept.
const stall = time.Minute

// download brings url into file, continuing what is there already when the server can.
func download(ctx context.Context, opts Options, url, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a name made by this package
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	defer f.Close()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("download %s: %w", url, err)
	}
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	resp, err := opts.Client.Do(req)
	if err != nil {
		return fmt.Errorf("download %s: %w", url, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable:
		return nil // All of it is here; the checksum decides.
	case http.StatusOK:
		if err := f.Truncate(0); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
		have = 0
	default:
		return fmt.Errorf("download %s: the server answered %s", url, resp.Status)
	}

	bar := newProgress(opts.Progress, have, resp.ContentLength)
	watchdog := time.AfterFunc(stall, cancel)
	defer watchdog.Stop()
	if _, err := io.Copy(f, io.TeeReader(resp.Body, writerFunc(func(n int) {
		watchdog.Reset(stall)
		bar.add(n)
	}))); err != nil {
		return fmt.Errorf("download %s: %w; run the command again to continue", url, err)
	}
	bar.finish()
	return f.Sync()
}

type writerFunc func(n int)

func (w writerFunc) Write(p []byte) (int, error) {
	w(len(p))
	return len(p), nil
}

// progress draws a bar on a terminal and prints a line for every tenth elsewhere.
type progress struct {
	out      io.Writer
	tty      bool
	have     int64
	total    int64
	fetched  int64
	started  time.Time
	drawn    time.Time
	lastTime int64 // the last tenth that was printed
}

func newProgress(out io.Writer, have, rest int64) *progress {
	p := &progress{out: out, have: have, started: time.Now(), lastTime: -1}
	if rest > 0 {
		p.total = have + rest
	}
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			p.tty = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return p
}

func (p *progress) add(n int) {
	p.have += int64(n)
	p.fetched += int64(n)
	now := time.Now()
	if p.tty {
		if now.Sub(p.drawn) >= 200*time.Millisecond {
			p.drawn = now
			_, _ = fmt.Fprintf(p.out, "\r%s\x1b[K", p.line())
		}
		return
	}
	if p.total > 0 {
		if tenth := p.have * 10 / p.total; tenth != p.lastTime {
			p.lastTime = tenth
			_, _ = fmt.Fprintln(p.out, p.line())
		}
	}
}

func (p *progress) finish() {
	if p.tty {
		_, _ = fmt.Fprintf(p.out, "\r%s\x1b[K\n", p.line())
	}
}

func (p *progress) line() string {
	const mb = 1e6
	rate := 0.0
	if seconds := time.Since(p.started).Seconds(); seconds > 0 {
		rate = float64(p.fetched) / mb / seconds
	}
	if p.total <= 0 {
		return fmt.Sprintf("%.1f MB, %.1f MB/s", float64(p.have)/mb, rate)
	}
	share := float64(p.have) / float64(p.total)
	const width = 30
	full := min(int(share*width), width)
	bar := make([]byte, width)
	for i := range bar {
		bar[i] = ' '
		if i < full {
			bar[i] = '='
		}
	}
	return fmt.Sprintf("[%s] %3.0f%%  %.1f of %.1f MB, %.1f MB/s", bar, share*100, float64(p.have)/mb, float64(p.total)/mb, rate)
}
