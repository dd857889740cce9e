// SPDX-License-Identifier: Apache-2.0
// Traces of the development mock.
import { hex, int, rnd } from './mock-random.mjs';

export const bigTrace = `b16${'0'.repeat(29)}`;
const names = ['frontend', 'checkout', 'cart', 'payments', 'catalog', 'shipping', 'email'];
const operations = [
  'GET /api/cart',
  'POST /api/orders',
  'SELECT orders',
  'redis GET',
  'charge card',
  'publish order',
  'render',
  'grpc.Payments/Authorise',
];
const cache = new Map();

export function traceList(range, count) {
  return Array.from({ length: count }, (_, i) => {
    const bad = i % 9 === 4;
    const spans = i === 0 ? 100_000 : 12 + int(i * 3, 160);
    return {
      trace_id: i === 0 ? bigTrace : hex(i + 1, 32),
      start: new Date((range.end - (i / count) * (range.end - range.start)) * 1000).toISOString(),
      duration_ns: i === 0 ? 42e9 : Math.round(4e6 * Math.exp(rnd(i * 1.7) * 6.5)),
      root_service: i % 23 === 7 ? '' : names[int(i, 3)],
      root_name: i % 31 === 5 ? '<script>alert(1)</script>' : operations[int(i * 5, 2)],
      root_missing: i % 23 === 7,
      span_count: spans,
      error_count: bad ? 1 + int(i, 4) : 0,
      matched_spans: Math.ceil(spans / 3),
      services: names.slice(0, 2 + int(i * 2, 5)).map((name, k) => ({ name, spans: 9 - k, errors: 0 })),
    };
  });
}

function build(id) {
  const count = id === bigTrace ? 100_000 : 90;
  const duration = id === bigTrace ? 42e9 : 380e6;
  const spans = [];
  const ids = [];
  const open = [];
  for (let i = 0; i < count; i++) {
    while (open.length > 1 && (open.length > 12 || rnd(i * 1.3 + open.length) < 0.42)) open.pop();
    const parent = open.at(-1);
    const spanId = hex(i + 0.5, 16);
    const offset = i === 0 ? 0 : Math.round((i / count) * duration * 0.96);
    const room = parent ? parent.end - offset : duration;
    const length = i === 0 ? duration : Math.max(2000, Math.round(Math.max(0, room) * (0.25 + 0.7 * rnd(i * 2.1))));
    const bad = i > 0 && i % 37 === 19;
    const service = names[i === 0 ? 0 : int(i * 1.9 + open.length, names.length)];
    spans.push({
      id: spanId,
      parent: i === 0 ? '' : i === 41 ? 'feedfacefeedface' : parent.id,
      name: operations[int(i * 7, operations.length)],
      kind: ['server', 'client', 'internal'][i % 3],
      service,
      offset_ns: offset,
      duration_ns: length,
      status: bad ? 'error' : 'unset',
      status_message: bad ? 'card declined: insufficient funds' : '',
      resource: names.indexOf(service),
      scope: 0,
      attributes: {
        'http.request.method': 'GET',
        'http.route': '/api/cart',
        'http.response.status_code': bad ? '500' : '200',
        'user.tier': 'gold',
      },
      events: bad
        ? [
            {
              name: 'exception',
              offset_ns: offset + length,
              attributes: {
                'exception.type': 'CardError',
                'exception.message': 'card declined',
                'exception.stacktrace':
                  'CardError: card declined\n  at charge (payments.js:42)\n  at process (orders.js:17)',
              },
            },
          ]
        : [],
      links: i === 3 ? [{ trace_id: hex(7, 32), span_id: hex(8, 16), attributes: { reason: 'batch' } }] : [],
    });
    ids.push(spanId);
    open.push({ id: spanId, end: offset + length });
  }
  return { spans, duration };
}

export function traceById(id, params) {
  if (!cache.has(id)) cache.set(id, build(id));
  const { spans, duration } = cache.get(id);
  const limit = Number(params.get('limit') ?? 20000);
  const from = Number(params.get('cursor') || 0);
  return {
    body: {
      trace_id: id,
      start: new Date(Date.now() - 600e3).toISOString(),
      duration_ns: duration,
      span_count: spans.length,
      error_count: spans.filter((s) => s.status === 'error').length,
      services: names.map((name) => ({ name, spans: spans.length / names.length, errors: 0 })),
      resources: names.map((name) => ({ 'service.name': name, 'service.version': '1.0.0', 'host.name': 'web-1' })),
      scopes: [{ name: 'io.opentelemetry.http', version: '2.1.0' }],
      spans: spans.slice(from, from + limit),
      next_cursor: from + limit < spans.length ? String(from + limit) : '',
      warnings: [],
    },
  };
}
