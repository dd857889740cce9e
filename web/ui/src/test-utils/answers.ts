// SPDX-License-Identifier: Apache-2.0
import type { Host, HostDetail } from '@/api/hosts';
import type { LogRecord } from '@/api/logs';
import type { MiddlewareInstance } from '@/api/middleware';
import type { ServiceDetail, ServiceRow } from '@/api/services';
import type { TopologyNode } from '@/api/topology';
import type { Span } from '@/api/traces';

/** Parts of answers, whole as the API gives them, each with what a test changes. */

export const aService = (name: string, more: Partial<ServiceRow> = {}): ServiceRow => ({
  name,
  environment: 'production',
  language: 'go',
  spans: 1,
  requests: 1,
  rate: 1,
  errors: 0,
  error_rate: 0,
  p50_ns: 1_000_000,
  p95_ns: 2_000_000,
  p99_ns: 3_000_000,
  sparkline: { time: [], rate: [], errors: [] },
  last_seen: '2026-03-01T00:00:00Z',
  ...more,
});

export const aServiceDetail = (name: string, more: Partial<ServiceDetail> = {}): ServiceDetail => ({
  service: { name, environment: 'production', language: 'go', resource: { 'service.version': '1.2' }, instances: [] },
  series: {
    time: [0, 60],
    requests: [60, 120],
    errors: [0, 18],
    p50_ns: [1e6, 1e6],
    p95_ns: [5e6, 7e6],
    p99_ns: [9e6, 9e6],
  },
  operations: [],
  dependencies: [],
  callers: [],
  warnings: [],
  range: { start: '2026-03-01T00:00:00Z', end: '2026-03-01T01:00:00Z' },
  ...more,
});

export const aHost = (name: string, more: Partial<Host> = {}): Host => ({
  name,
  id: `id-${name}`,
  os: 'linux',
  arch: 'amd64',
  last_seen: '2026-03-01T00:00:00Z',
  up: true,
  cpu_utilization: 0.25,
  memory_utilization: 0.5,
  disk_utilization: 0.9,
  load1: 1.5,
  network_receive: 1024,
  network_transmit: 2048,
  disk_read: 1,
  disk_write: 2,
  sparkline: { time: [], cpu: [], memory: [] },
  ...more,
});

export const aHostDetail = (name: string, more: Partial<HostDetail> = {}): HostDetail => ({
  host: aHost(name),
  attributes: { 'host.id': 'abc' },
  filesystems: [],
  processes: [],
  services: [],
  warnings: [],
  ...more,
});

export const anInstance = (instance: string, more: Partial<MiddlewareInstance> = {}): MiddlewareInstance => ({
  kind: 'redis',
  title: 'Redis',
  instance,
  host: 'db-1',
  agent: 'a1',
  version: '7.0',
  state: 'collecting',
  since: null,
  figures: [{ title: 'Memory', unit: 'bytes', value: 2048 }],
  missing_count: 0,
  missing: [],
  error: '',
  series: 30,
  ...more,
});

export const aNode = (kind: TopologyNode['kind'], name: string, more: Partial<TopologyNode> = {}): TopologyNode => ({
  id: `${kind}:${name}`,
  kind,
  name,
  type: '',
  system: '',
  calls: 0,
  errors: 0,
  rate: 0,
  error_rate: 0,
  p95_ns: null,
  ...more,
});

export const aLog = (id: string, more: Partial<LogRecord> = {}): LogRecord => ({
  id,
  time: '2026-03-01T00:00:00.123456789Z',
  observed_time: '',
  severity_number: 9,
  severity: 'info',
  severity_text: 'INFO',
  service: 'cart',
  host: 'web-1',
  body: `message ${id}`,
  trace_id: '',
  span_id: '',
  event_name: '',
  attributes: {},
  resource: {},
  scope: { name: '', version: '', schema_url: '', attributes: {} },
  resource_schema_url: '',
  flags: 0,
  nested: {},
  ...more,
});

export const aSpan = (id: string, parent: string, more: Partial<Span> = {}): Span => ({
  id,
  parent,
  name: `work ${id}`,
  kind: 'server',
  service: 'cart',
  offset_ns: 0,
  duration_ns: 1_000_000,
  clock_skew_ns: 0,
  status: 'unset',
  status_message: '',
  resource: 0,
  scope: 0,
  attributes: {},
  events: [],
  links: [],
  resource_schema_url: '',
  flags: 0,
  nested: {},
  ...more,
});
