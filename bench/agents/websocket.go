// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// webSocket is the client's side of one connection, with next to no memory of its own: thousands of them are held at once. One goroutine
// may read beside one that writes.
type webSocket struct {
	conn net.Conn
	in   *bufio.Reader
}

const (
	wsBinary, wsClose, wsPing, wsPong = 2, 8, 9, 10
	wsFinal, wsMasked                 = 0x80, 0x80
	wsLength16, wsLength64            = 126, 127
	// wsMost bounds a message; the answers to agents are small.
	wsMost = 1 << 20
	// wsReadBuffer holds a whole answer.
	wsReadBuffer = 512
	wsTimeout    = 10 * time.Second
)

// errWebSocket is wrapped by what the other side does wrong.
var errWebSocket = errors.New("websocket")

// dialWebSocket connects to path at addr.
func dialWebSocket(ctx context.Context, addr, path, key string) (*webSocket, error) {
	conn, err := (&net.Dialer{Timeout: wsTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	w := &webSocket{conn: conn, in: bufio.NewReaderSize(conn, wsReadBuffer)}
	if err := w.shake(ctx, addr, path, key); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", addr, err), conn.Close())
	}
	return w, nil
}

// shake asks for the change of protocols.
func (w *webSocket) shake(ctx context.Context, addr, path, key string) error {
	if err := w.conn.SetDeadline(time.Now().Add(wsTimeout)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	var nonce [16]byte
	binary.LittleEndian.PutUint64(nonce[:], rand.Uint64()) //nolint:gosec // Guards against caches, not against people.
	req.Header = http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-WebSocket-Version": {"13"},
		"Sec-WebSocket-Key": {base64.StdEncoding.EncodeToString(nonce[:])},
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	var out bytes.Buffer
	if err := req.Write(&out); err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	if _, err := w.conn.Write(out.Bytes()); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	resp, err := http.ReadResponse(w.in, req) //nolint:bodyclose // A change of protocols has none.
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("%w: %s", errWebSocket, resp.Status)
	}
	return nil
}

// write sends one message in one frame.
func (w *webSocket) write(opcode byte, text []byte) error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(wsTimeout)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if _, err := w.conn.Write(wsFrame(opcode, text)); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}

// wsFrame is a message as clients send it.
func wsFrame(opcode byte, text []byte) []byte {
	out := make([]byte, 0, len(text)+14)
	out = append(out, wsFinal|opcode)
	switch n := len(text); {
	case n < wsLength16:
		out = append(out, wsMasked|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, wsMasked|wsLength16), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, wsMasked|wsLength64), uint64(n))
	}
	var mask [4]byte
	binary.LittleEndian.PutUint32(mask[:], rand.Uint32()) //nolint:gosec // Guards against caches, not against people.
	out = append(out, mask[:]...)
	for i, c := range text {
		out = append(out, c^mask[i%4])
	}
	return out
}

// read returns the next message within the time, and answers pings meanwhile.
func (w *webSocket) read(within time.Duration) ([]byte, error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	var message []byte
	for {
		opcode, final, part, err := w.frame()
		if err != nil {
			return nil, err
		}
		switch opcode {
		case wsPing:
			if err := w.write(wsPong, part); err != nil {
				return nil, err
			}
		case wsClose:
			return nil, fmt.Errorf("%w: closed by the server", errWebSocket)
		case wsPong:
		default:
			if message = append(message, part...); final {
				return message, nil
			}
		}
	}
}

// frame reads one frame of a server, which masks nothing.
func (w *webSocket) frame() (opcode byte, final bool, text []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(w.in, head[:2]); err != nil {
		return 0, false, nil, fmt.Errorf("read message: %w", err)
	}
	opcode, final = head[0]&0x0f, head[0]&wsFinal != 0
	n := uint64(head[1])
	switch n {
	case wsLength16:
		_, err = io.ReadFull(w.in, head[:2])
		n = uint64(binary.BigEndian.Uint16(head[:2]))
	case wsLength64:
		_, err = io.ReadFull(w.in, head[:8])
		n = binary.BigEndian.Uint64(head[:8])
	}
	if err != nil {
		return 0, false, nil, fmt.Errorf("read length: %w", err)
	}
	if n > wsMost {
		return 0, false, nil, fmt.Errorf("%w: a frame of %d bytes", errWebSocket, n)
	}
	text = make([]byte, n)
	if _, err := io.ReadFull(w.in, text); err != nil {
		return 0, false, nil, fmt.Errorf("read message: %w", err)
	}
	return opcode, final, text, nil
}
