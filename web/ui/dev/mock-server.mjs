// SPDX-License-Identifier: Apache-2.0
// Development mock of the HTTP API: invented data in the shape of docs/reference/api.md, for work on the pages without
// a server. It is never part of the bundle. With --dist it also serves the build.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { promResponse } from './mock-prometheus.mjs';
import { int, noise, rnd } from './mock-random.mjs';
import { bigTrace, traceById, traceList } from './mock-traces.mjs';

const port = Number(process.env.PORT ?? 7080);
const dist = process.argv.includes('--dist') ? new URL('../dist/', import.meta.url).pathname : null;
const needKey = process.argv.includes('--key');
const empty = process.argv.includes('--empty');
const services = [
  'checkout',
  'cart',
  'payments',
  'frontend',
  'catalog',
  'shipping',
  'email',
  'recommendation',
  'ad',
  '<img src=x onerror=alert(1)>',
];
const hosts = ['web-1', 'web-2', 'db-1', 'worker-eu-central-1a'];
const levels = ['info', 'info', 'info', 'info', 'debug', 'warn', 'error'];
const severity = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 };
const bodies = [
  'order placed id=%d total=42.10',
  'GET /api/products/%d 200 12ms',
  'cache miss for product %d',
  'payment authorised for order %d',
  'card declined for order %d: insufficient funds',
  'upstream timed out after %d ms while reading response header',
];
const seconds = (text, fallback) => {
  if (!text) return fallback;
  const n = Number(text);
  return Number.isFinite(n) ? n : Date.parse(text) / 1000;
};
const iso = (s) => new Date(s * 1000).toISOString();

function spark(seed, n, scale) {
  return Array.from({ length: n }, (_, i) => Math.max(0, scale * (0.7 + 0.5 * noise(seed + i * 0.37))));
}

function serviceRow(name, i, range) {
  const rate = 3 + ((i * 37) % 90);
  const errorRate = [0.002, 0, 0.064, 0.011, 0, 0.0004, 0, 0.021, 0, 0.3][i] ?? 0;
  const p50 = 4e6 + i * 3e6;
  const n = 30;
  return {
    name,
    environment: i % 4 === 3 ? 'staging' : 'production',
    language: ['go', 'java', 'nodejs', 'python'][i % 4],
    spans: Math.round(rate * 8 * (range.end - range.start)),
    requests: Math.round(rate * (range.end - range.start)),
    rate,
    errors: Math.round(rate * errorRate * (range.end - range.start)),
    error_rate: errorRate,
    p50_ns: i === 8 ? null : p50,
    p95_ns: i === 8 ? null : p50 * 4.2,
    p99_ns: i === 8 ? null : p50 * 11.7,
    sparkline: {
      time: Array.from({ length: n }, (_, k) => range.start + (k * (range.end - range.start)) / n),
      rate: spark(i * 11, n, rate),
      errors: spark(i * 5, n, rate * errorRate),
    },
    last_seen: iso(range.end - 2),
  };
}

function serviceDetail(name, range, points) {
  const row = serviceRow(name, Math.max(0, services.indexOf(name)), range);
  const step = (range.end - range.start) / points;
  const time = Array.from({ length: points }, (_, k) => Math.floor(range.start + k * step));
  const requests = time.map((t, k) => (k % 47 === 33 ? 0 : Math.round(row.rate * step * (0.8 + 0.3 * noise(t / 900)))));
  const op = (opName, kind, share) => ({
    name: opName,
    kind,
    requests: Math.round(row.requests * share),
    errors: Math.round(row.errors * share),
    rate: row.rate * share,
    p50_ns: (row.p50_ns ?? 1e6) * (0.5 + share),
    p95_ns: (row.p95_ns ?? 5e6) * (0.5 + share),
    p99_ns: (row.p99_ns ?? 9e6) * (0.5 + share),
    total_ns: Math.round(row.requests * share * (row.p50_ns ?? 1e6)),
  });
  return {
    service: {
      name,
      environment: row.environment,
      language: row.language,
      resource: { 'service.name': name, 'service.version': '1.14.2', 'telemetry.sdk.language': row.language },
      instances: [0, 1, 2].map((k) => ({
        id: `${name}-7d9f${k}c4b8-x${k}k2p`,
        host: hosts[k % hosts.length],
        last_seen: iso(range.end - k * 3),
      })),
    },
    series: {
      time,
      requests,
      errors: requests.map((n, k) => Math.round(n * row.error_rate * (1 + noise(k)))),
      p50_ns: time.map((t, k) => (k % 47 === 33 ? null : (row.p50_ns ?? 1e6) * (1 + 0.1 * noise(t / 300)))),
      p95_ns: time.map((t, k) => (k % 47 === 33 ? null : (row.p95_ns ?? 5e6) * (1 + 0.2 * noise(t / 400 + 7)))),
      p99_ns: time.map((t, k) => (k % 47 === 33 ? null : (row.p99_ns ?? 9e6) * (1 + 0.3 * noise(t / 500 + 3)))),
    },
    operations: [
      op('POST /api/orders', 'server', 0.35),
      op('GET /api/products/{id}', 'server', 0.3),
      op('GET /health', 'server', 0.2),
      op('orders process', 'consumer', 0.1),
      op('POST /api/refunds', 'server', 0.05),
    ],
    dependencies: [
      { type: 'db', system: 'postgresql', target: 'orders-db', calls: row.requests * 3, errors: 4, p95_ns: 8.3e6 },
      { type: 'db', system: 'redis', target: 'cache', calls: row.requests * 5, errors: 0, p95_ns: 0.9e6 },
      {
        type: 'messaging',
        system: 'kafka',
        target: 'orders',
        calls: Math.round(row.requests / 2),
        errors: 0,
        p95_ns: 2.1e6,
      },
      {
        type: 'rpc',
        system: 'grpc',
        target: 'payments',
        calls: row.requests,
        errors: Math.round(row.requests / 90),
        p95_ns: 61e6,
      },
    ],
    callers: services
      .slice(0, 3)
      .filter((s) => s !== name)
      .map((service, k) => ({ service, calls: row.requests >> k, errors: k * 12 })),
    warnings: [],
  };
}

function hostRow(name, i, range) {
  const cpu = [0.31, 0.86, 0.12, 0.97][i] + 0.02 * noise(range.end / 5 + i);
  const n = 30;
  return {
    name,
    id: `id-${name}`,
    os: 'linux',
    arch: i === 2 ? 'arm64' : 'amd64',
    last_seen: iso(range.end - (i === 3 ? 700 : 4)),
    up: i !== 3,
    cpu_utilization: i === 3 ? null : cpu,
    memory_utilization: [0.62, 0.81, 0.44, null][i],
    disk_utilization: [0.43, 0.55, 0.91, null][i],
    load1: i === 3 ? null : 0.4 + cpu * 4,
    network_receive: i === 3 ? null : 120e3 * (i + 1) * (1 + 0.2 * noise(range.end / 9)),
    network_transmit: i === 3 ? null : 340e3 * (i + 1),
    disk_read: i === 3 ? null : 5e3,
    disk_write: i === 3 ? null : 1.2e6 * (i + 1),
    sparkline: {
      time: Array.from({ length: n }, (_, k) => range.start + (k * (range.end - range.start)) / n),
      cpu: spark(i * 7, n, cpu).map((v, k) => (i === 3 && k > 20 ? null : Math.min(1, v))),
      memory: spark(i * 9, n, 0.6),
    },
  };
}

function logAt(time, k) {
  const level = levels[int(k * 7 + 3, levels.length)];
  const service = services[int(k * 13, services.length)];
  return {
    id: `${Math.round(time * 1e6)}-${k}`,
    time: `${iso(time).slice(0, -1)}417Z`,
    observed_time: iso(time + 0.02),
    severity_number: severity[level],
    severity: level,
    severity_text: level.toUpperCase(),
    service,
    host: hosts[int(k, 3)],
    body: bodies[int(k * 3, bodies.length)].replace('%d', String(1000 + int(k * 17, 9000))),
    trace_id: k % 3 === 0 ? traceList(range0(), 50)[int(k, 50)].trace_id : '',
    span_id: k % 3 === 0 ? 'a1b2c3d4e5f60718' : '',
    event_name: '',
    attributes: {
      'http.request.method': 'GET',
      'user.tier': ['gold', 'free'][k % 2],
      'order.id': String(k),
      'code.file.path': 'internal/orders/place.go',
    },
    resource: { 'service.name': service, 'host.name': hosts[int(k, 3)], 'deployment.environment.name': 'production' },
    scope: { name: 'orders', version: '1.2.0' },
  };
}

const range0 = () => ({ start: Date.now() / 1000 - 3600, end: Date.now() / 1000 });
const total = 100_000;

function matchesLog(log, query) {
  return query
    .split(/\s+/)
    .filter(Boolean)
    .every((term) => {
      const [field, value = ''] = term.replace(/^-/, '').split(/:(.*)/);
      const text =
        field === 'service'
          ? log.service
          : field === 'level'
            ? log.severity
            : field === 'trace'
              ? value === '*'
                ? ''
                : value
              : null;
      const hit = text === null ? true : field === 'trace' ? true : value.replaceAll('"', '').split(',').includes(text);
      return term.startsWith('-') ? !hit : hit;
    });
}

function logPage(params, range) {
  const limit = Number(params.get('limit') ?? 200);
  const from = Number(params.get('cursor') || 0);
  const query = params.get('query') ?? '';
  if (query.includes('(('))
    return { status: 400, body: { error: { code: 'bad_query', message: 'unexpected "(" at column 2', details: {} } } };
  const logs = [];
  let k = from;
  const most = query.startsWith('trace:') ? 60 : total;
  for (; k < most && logs.length < limit; k++) {
    const log = logAt(range.end - (k / most) * (range.end - range.start), k);
    if (matchesLog(log, query)) logs.push(log);
  }
  return { body: { logs, next_cursor: k < most ? String(k) : '', warnings: [] } };
}

function histogram(params, range) {
  const buckets = Number(params.get('buckets') ?? 60);
  const step = Math.max(1, Math.round((range.end - range.start) / buckets));
  const out = [];
  for (let t = Math.floor(range.start / step) * step; t < range.end; t += step) {
    const all = Math.round(900 + 400 * noise(t / 700));
    const bad = Math.round(all * Math.max(0.01, 0.05 * noise(t / 300)));
    out.push({ time: t, total: all, levels: { error: bad, warn: bad * 2, info: all - bad * 4, debug: bad } });
  }
  return { step_seconds: step, buckets: out, total: out.reduce((a, b) => a + b.total, 0), warnings: [] };
}

const facet = (field, values, scale) => ({
  field,
  values: values.map((value, i) => ({ value, count: Math.round(scale / (i + 1)) })),
});

function ledger(range) {
  const rows = [];
  const totals = [];
  for (const [i, signal] of ['metrics', 'traces', 'logs'].entries()) {
    const sum = { signal, received: 0, accepted: 0, refused: 0, stored: 0, rejected: 0, in_flight: 0, balanced: true };
    for (let m = Math.ceil(range.start / 60) * 60; m < range.end; m += 60) {
      for (const source of ['otlp/web-1', 'otlp/db-1', 'agent/local']) {
        const received = Math.round(4000 * (i + 1) * (1 + 0.3 * noise(m / 1000 + i)));
        const refused = i === 2 && source === 'otlp/db-1' ? { too_old: Math.round(received * 0.004) } : {};
        const lost = Object.values(refused).reduce((a, b) => a + b, 0);
        rows.push({
          minute: iso(m),
          signal,
          source,
          received,
          accepted: received - lost,
          refused,
          stored: received - lost,
          rejected: {},
        });
        sum.received += received;
        sum.accepted += received - lost;
        sum.refused += lost;
        sum.stored += received - lost;
      }
    }
    sum.in_flight = i * 120;
    sum.stored -= sum.in_flight;
    totals.push(sum);
  }
  const bus = ['metrics', 'traces', 'logs'].flatMap((topic, i) =>
    [0, 1].map((partition) => ({
      topic,
      partition,
      first_offset: 1000,
      next_offset: 884_120 + i,
      committed_offset: 884_120,
      lag_records: i * 3,
      bytes: 80e6 * (i + 1) * (partition + 1),
      limit_bytes: 1 << 30,
      oldest: iso(range.end - 4000),
    })),
  );
  return { rows, totals, bus, warnings: [] };
}

const groups = [
  {
    id: 'g1',
    name: 'hosts',
    source: 'api',
    file: '',
    interval: '30s',
    yaml: 'name: hosts\ninterval: 30s\nrules:\n  - alert: HostHighLoad\n    expr: system_cpu_load_average_5m > 8\n    for: 5m\n',
    updated_at: new Date(Date.now() - 3e6).toISOString(),
  },
  {
    id: 'g2',
    name: 'slo',
    source: 'file',
    file: '/etc/strata/rules/slo.yaml',
    interval: '1m',
    yaml: 'name: slo\nrules: []\n',
    updated_at: new Date().toISOString(),
  },
];
const notifiers = [
  {
    id: 'n1',
    name: 'on-call',
    type: 'webhook',
    url: 'https://hooks.example.com/on-call',
    send_resolved: true,
    enabled: true,
    allow_private: false,
    secret_set: true,
    last_attempt: new Date(Date.now() - 9e5).toISOString(),
    last_status: 'ok',
    last_error: '',
    pending: 0,
  },
  {
    id: 'n2',
    name: 'chat',
    type: 'webhook',
    url: 'http://10.0.0.5/hook',
    send_resolved: false,
    enabled: true,
    allow_private: true,
    secret_set: false,
    last_attempt: new Date(Date.now() - 2e5).toISOString(),
    last_status: 'failing',
    last_error: 'connection refused',
    pending: 3,
  },
];
const keys = [
  {
    id: 'k1',
    name: 'agents',
    scope: 'ingest',
    prefix: 'strata_a1b2',
    created_at: new Date(Date.now() - 9e8).toISOString(),
    expires_at: null,
    last_used_at: new Date().toISOString(),
    revoked: false,
  },
  {
    id: 'k2',
    name: 'grafana',
    scope: 'read',
    prefix: 'strata_9f3c',
    created_at: new Date(Date.now() - 9e9).toISOString(),
    expires_at: new Date(Date.now() + 9e9).toISOString(),
    last_used_at: null,
    revoked: false,
  },
  {
    id: 'k3',
    name: 'old',
    scope: 'admin',
    prefix: 'strata_0000',
    created_at: new Date(Date.now() - 9e10).toISOString(),
    expires_at: null,
    last_used_at: null,
    revoked: true,
  },
];

function status() {
  return {
    version: '0.1.0-dev',
    commit: '0123456789abcdef',
    started_at: new Date(Date.now() - 7.3e6).toISOString(),
    roles: ['gateway', 'ingester', 'query', 'alert'],
    addresses: { http: `127.0.0.1:${port}`, otlp_grpc: '127.0.0.1:4317', otlp_http: '127.0.0.1:4318' },
    auth: { mode: needKey ? 'required' : 'open', authenticated: true, scopes: ['admin'] },
    components: ['bus', 'metrics', 'engine', 'catalog', 'alerting'].map((name, i) => ({
      name,
      state: i === 2 ? 'degraded' : 'ok',
      message: i === 2 ? 'merges are 12 parts behind' : '',
    })),
  };
}

const fields = {
  traces: [
    'service',
    'name',
    'kind',
    'duration',
    'status',
    'error',
    'method',
    'route',
    'host',
    'env',
    'root',
    'attr.user.tier',
  ],
  logs: ['service', 'level', 'body', 'host', 'env', 'trace', 'span', 'scope', 'attr.user.tier', 'attr.order.id'],
};
const valuesOf = {
  service: services,
  host: hosts,
  level: Object.keys(severity),
  env: ['production', 'staging'],
  kind: ['server', 'client', 'internal'],
  error: ['true', 'false'],
};

function write(list, id, method, body, make) {
  if (method === 'POST') {
    const item = make(body);
    list.push(item);
    return { status: 201, body: item };
  }
  const at = list.findIndex((x) => x.id === id);
  if (at < 0) return { status: 404, body: { error: { code: 'not_found', message: `no ${id}`, details: {} } } };
  if (method === 'DELETE') {
    list.splice(at, 1);
    return { status: 204 };
  }
  list[at] = { ...list[at], ...body, id };
  return { body: list[at] };
}

let signedIn = !needKey;

function answer(method, path, params, body) {
  const end = seconds(params.get('end'), Date.now() / 1000);
  const range = { start: seconds(params.get('start'), end - 3600), end };
  const [, , , resource, a, b] = path.split('/').map(decodeURIComponent);
  if (resource === 'session') {
    if (method === 'POST' && body?.key !== 'strata_dev')
      return { status: 401, body: { error: { code: 'unauthenticated', message: 'unknown key', details: {} } } };
    signedIn = method === 'POST';
    return { status: 204 };
  }
  if (!signedIn)
    return { status: 401, body: { error: { code: 'unauthenticated', message: 'a key is required', details: {} } } };
  switch (resource) {
    case 'status':
      return { body: status() };
    case 'services': {
      if (a) return { body: serviceDetail(a, range, Number(params.get('points') ?? 120)) };
      const all = empty ? [] : services.map((name, i) => serviceRow(name, i, range));
      const env = params.get('env');
      return {
        body: {
          services: all.filter((s) => !env || s.environment === env),
          environments: empty ? [] : ['production', 'staging'],
          warnings: [],
        },
      };
    }
    case 'traces':
      if (a === 'facets') {
        return {
          body: {
            facets: [
              facet('service', services, 40000),
              facet('name', ['POST /api/orders', 'GET /health'], 9000),
              facet('status', ['ok', 'error'], 800),
            ],
            warnings: [],
          },
        };
      }
      if (a) return traceById(a, params);
      return traceAnswer(params, range);
    case 'logs':
      if (a === 'histogram') return { body: histogram(params, range) };
      if (a === 'facets') {
        return {
          body: {
            facets: [
              facet('level', ['info', 'debug', 'warn', 'error'], 60000),
              facet('service', services, 40000),
              facet('host', hosts, 30000),
            ],
            warnings: [],
          },
        };
      }
      return empty ? { body: { logs: [], next_cursor: '', warnings: [] } } : logPage(params, range);
    case 'fields': {
      const prefix = (params.get('prefix') ?? '').toLowerCase();
      const fits = (x) => x.toLowerCase().startsWith(prefix);
      if (a === 'values') return { body: { values: (valuesOf[params.get('field')] ?? []).filter(fits) } };
      return {
        body: {
          fields: fields[params.get('signal')]
            .filter(fits)
            .map((name) => ({ name, type: name === 'duration' ? 'duration' : 'string' })),
        },
      };
    }
    case 'hosts': {
      if (!a) return { body: { hosts: empty ? [] : hosts.map((name, i) => hostRow(name, i, range)), warnings: [] } };
      const i = hosts.indexOf(a);
      if (i < 0) return { status: 404, body: { error: { code: 'not_found', message: `no host ${a}`, details: {} } } };
      return {
        body: {
          host: hostRow(a, i, range),
          attributes: {
            'host.id': `id-${a}`,
            'host.arch': 'amd64',
            'os.type': 'linux',
            'os.description': 'Debian GNU/Linux 12',
          },
          filesystems: [
            {
              mountpoint: '/',
              device: '/dev/sda1',
              type: 'ext4',
              used_bytes: 43e9,
              free_bytes: 57e9,
              utilization: 0.43,
            },
            {
              mountpoint: '/var/lib',
              device: '/dev/sdb1',
              type: 'xfs',
              used_bytes: 910e9,
              free_bytes: 90e9,
              utilization: 0.91,
            },
          ],
          processes: ['postgres', 'strata', 'nginx', 'java'].map((name, k) => ({
            name,
            pid: String(900 + k * 41),
            cpu: 0.4 / (k + 1),
            memory_bytes: 900e6 / (k + 1),
          })),
          services: services.slice(0, 4),
          warnings: [],
        },
      };
    }
    case 'ledger':
      return { body: empty ? { rows: [], totals: [], bus: [], warnings: [] } : ledger(range) };
    case 'rules':
      if (method === 'GET') return { body: { groups } };
      if (body?.yaml?.includes('bad('))
        return {
          status: 400,
          body: {
            error: {
              code: 'bad_request',
              message: 'rule 1: parse error: unclosed left parenthesis',
              details: { line: 5 },
            },
          },
        };
      return write(groups, a, method, body, ({ yaml }) => ({
        id: `g${Date.now()}`,
        name: /name: (.*)/.exec(yaml)?.[1] ?? 'group',
        source: 'api',
        file: '',
        interval: '30s',
        yaml,
        updated_at: new Date().toISOString(),
      }));
    case 'notifiers':
      if (b === 'test')
        return {
          body:
            a === 'n2' ? { ok: false, status: 0, error: 'connection refused' } : { ok: true, status: 200, error: '' },
        };
      if (method === 'GET') return { body: { notifiers } };
      return write(notifiers, a, method, body, (x) => ({
        ...notifiers[0],
        ...x,
        id: `n${Date.now()}`,
        last_status: 'never',
        last_attempt: null,
      }));
    case 'keys':
      if (method === 'GET') return { body: { keys } };
      if (method === 'DELETE') {
        const key = keys.find((k) => k.id === a);
        if (key) key.revoked = true;
        return { status: 204 };
      }
      keys.push({
        id: `k${Date.now()}`,
        name: body.name,
        scope: body.scope,
        prefix: 'strata_77aa',
        created_at: new Date().toISOString(),
        expires_at: null,
        last_used_at: null,
        revoked: false,
      });
      return { status: 201, body: { key: keys.at(-1), secret: 'strata_77aa0d1e2f3c4b5a69788796a5b4c3d2' } };
    default:
      return { status: 404, body: { error: { code: 'not_found', message: path, details: {} } } };
  }
}

function traceAnswer(params, range) {
  const limit = Number(params.get('limit') ?? 50);
  const from = Number(params.get('cursor') || 0);
  if (empty) return { body: { traces: [], next_cursor: '', warnings: [] } };
  let all = traceList(range, 900);
  if ((params.get('query') ?? '').includes('error:true')) all = all.filter((t) => t.error_count > 0);
  if (params.get('sort') === 'slowest') all.sort((x, y) => y.duration_ns - x.duration_ns);
  const page = all.slice(from, from + limit);
  const warnings = from === 0 ? ['Only the newest 6 h were searched.'] : [];
  return { body: { traces: page, next_cursor: from + limit < all.length ? String(from + limit) : '', warnings } };
}

function tail(response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  let k = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < 3; i++)
      response.write(`event: log\ndata: ${JSON.stringify(logAt(Date.now() / 1000, k++ + int(Date.now(), 1000)))}\n\n`);
  }, 150);
  response.on('close', () => clearInterval(timer));
}

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

// The policy of web/embed.go, so that a violation shows here too.
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

function file(path, response) {
  const wanted = join(dist, path);
  const found = path !== '/' && existsSync(wanted) ? wanted : join(dist, 'index.html');
  response.writeHead(200, {
    'Content-Type': types[extname(found)] ?? 'application/octet-stream',
    'Content-Security-Policy': policy,
  });
  createReadStream(found).pipe(response);
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  let text = '';
  request.on('data', (chunk) => {
    text += chunk;
  });
  request.on('end', () => {
    const { pathname } = url;
    if (pathname === '/api/v1/logs/tail') return tail(response);
    const isProm = pathname.startsWith('/prometheus/');
    if (!isProm && !pathname.startsWith('/api/'))
      return dist ? file(pathname, response) : response.writeHead(404).end();
    const form = request.headers['content-type']?.includes('urlencoded') ? new URLSearchParams(text) : url.searchParams;
    const json = request.headers['content-type']?.includes('json') && text ? JSON.parse(text) : undefined;
    const result = isProm
      ? promResponse(pathname.replace('/prometheus/api/v1/', ''), form, empty)
      : answer(request.method, pathname, url.searchParams, json);
    response.writeHead(result.status ?? 200, { 'Content-Type': 'application/json' });
    response.end(result.body === undefined ? '' : JSON.stringify(result.body));
  });
}).listen(port, '127.0.0.1', () => {
  console.log(`development mock on http://127.0.0.1:${port} (big trace: ${bigTrace}, seed ${rnd(1).toFixed(3)})`);
});
