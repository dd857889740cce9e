// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

const (
	// kafkaHello is the correlation id of the first question, which an answer repeats.
	kafkaHello = 0x53747261
	// maxKafkaHello bounds the answer to it, of which Kafka 4 has some 500 bytes.
	maxKafkaHello = 64 << 10
)

// errNotKafka says that a port speaks another protocol.
var errNotKafka = errors.New("not Kafka")

// greet asks for the broker's versions as any client does at first, and checks the frame of the answer: the client believes the length of every list,
// and would take gigabytes for an answer of another protocol.
func (k *kafka) greet(ctx context.Context) error {
	conn, err := dial(ctx, k.t.Address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if k.client != nil {
		return nil // It was asked before.
	}
	if cfg := k.tls(); cfg != nil {
		cfg.ServerName = k.t.Address.Addr().String()
		conn = tls.Client(conn, cfg)
	}
	if err := kafkaVersions(conn); err != nil {
		return k.refused(ctx, err)
	}
	return nil
}

// kafkaVersions sends ApiVersions in version 0: key, version, correlation id, client id, behind the length of them.
func kafkaVersions(conn net.Conn) error {
	const client = "strata-agent"
	b := binary.BigEndian.AppendUint32(nil, uint32(10+len(client)))
	b = append(b, 0, 18, 0, 0)
	b = binary.BigEndian.AppendUint32(b, kafkaHello)
	b = append(b, 0, byte(len(client)))
	if _, err := conn.Write(append(b, client...)); err != nil {
		return fmt.Errorf("ask for versions: %w", err)
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(conn, head); err != nil {
		return fmt.Errorf("read versions: %w", err)
	}
	if size := binary.BigEndian.Uint32(head); size < 6 || size > maxKafkaHello || binary.BigEndian.Uint32(head[4:]) != kafkaHello {
		return fmt.Errorf("read versions: %w: %q", errNotKafka, head)
	}
	return nil
}
