// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from 'react';
import { type LogRecord, tailUrl } from '@/api/logs';

const mostRows = 5000;
const paintMs = 200;

export interface Tail {
  rows: LogRecord[];
  skipped: number;
  connected: boolean;
}

const idle: Tail = { rows: [], skipped: 0, connected: false };

/** Follows the log as server-sent events. Newest first; painted a few times a second however fast records come. */
export function useTail(query: string, on: boolean): Tail {
  const [tail, setTail] = useState<Tail>(idle);
  useEffect(() => {
    setTail(idle);
    if (!on) return;
    let waiting: LogRecord[] = [];
    let skipped = 0;
    const source = new EventSource(tailUrl(query));
    source.onopen = () => setTail((old) => ({ ...old, connected: true }));
    source.onerror = () => setTail((old) => ({ ...old, connected: false }));
    source.addEventListener('log', (event) => waiting.push(JSON.parse(event.data) as LogRecord));
    source.addEventListener('skipped', (event) => {
      skipped += (JSON.parse(event.data) as { count: number }).count;
    });
    const timer = setInterval(() => {
      if (waiting.length === 0 && skipped === 0) return;
      const fresh = waiting.reverse();
      const missed = skipped;
      waiting = [];
      skipped = 0;
      setTail((old) => ({
        connected: old.connected,
        skipped: old.skipped + missed,
        rows: [...fresh, ...old.rows].slice(0, mostRows),
      }));
    }, paintMs);
    return () => {
      source.close();
      clearInterval(timer);
    };
  }, [query, on]);
  return tail;
}
