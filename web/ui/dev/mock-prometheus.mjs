// SPDX-License-Identifier: Apache-2.0
// The Prometheus HTTP API of the development mock: waves for every query, no PromQL.
import { noise } from './mock-random.mjs';
import { bigTrace } from './mock-traces.mjs';

const metrics = [
  'http_server_request_duration_seconds_bucket',
  'http_server_request_duration_seconds_count',
  'http_server_active_requests',
  'system_cpu_time_seconds_total',
  'system_cpu_load_average_1m',
  'system_cpu_load_average_5m',
  'system_cpu_load_average_15m',
  'system_memory_usage_bytes',
  'system_filesystem_usage_bytes',
  'system_disk_io_bytes_total',
  'system_network_io_bytes_total',
  'jvm_memory_used_bytes',
  'go_goroutine_count',
];

function shape(query) {
  const by = /by \((\w+)\)/.exec(query)?.[1];
  const values = {
    state: /memory/.test(query) ? ['used', 'cached', 'buffered', 'free'] : ['user', 'system', 'wait', 'nice'],
    direction: /network/.test(query) ? ['receive', 'transmit'] : ['read', 'write'],
    mountpoint: ['/', '/var/lib'],
    status: ['running', 'sleeping', 'blocked'],
    service_name: ['checkout', 'cart', 'payments', 'frontend', 'catalog', 'shipping'],
  };
  if (by) return (values[by] ?? ['a', 'b', 'c']).map((value) => ({ [by]: value }));
  if (/^(max|sum|avg|min|scalar|count)\s*\(/.test(query.trim())) return [{}];
  const name = /^\w+/.exec(query)?.[0] ?? 'up';
  return ['web-1', 'web-2', 'db-1'].map((host) => ({ __name__: name, host_name: host, job: 'hosts' }));
}

function scale(query) {
  if (/memory|filesystem|paging/.test(query) && /bytes/.test(query)) return 3.2e9;
  if (/bytes/.test(query)) return 4e5;
  if (/cpu_time/.test(query)) return 0.14;
  if (/duration_seconds/.test(query)) return 0.2;
  if (/load/.test(query)) return 1.3;
  return 40;
}

function range(params) {
  const query = params.get('query') ?? '';
  if (/\bbad\b|\($/.test(query))
    return {
      status: 400,
      body: { status: 'error', errorType: 'bad_data', error: '1:5: parse error: unclosed left parenthesis' },
    };
  const start = Number(params.get('start'));
  const end = Number(params.get('end'));
  const step = Number(params.get('step'));
  const result = shape(query).map((metric, i) => {
    const values = [];
    for (let t = start; t <= end; t += step) {
      // A gap, as when a host was off.
      if (i === 1 && (t / 60) % 60 > 50 && (t / 60) % 60 < 53) continue;
      values.push([t, String(Math.max(0, (scale(query) / (i * 0.7 + 1)) * (1 + 0.25 * noise(t / 400 + i * 3))))]);
    }
    return { metric, values };
  });
  const warnings = /no_warn/.test(query) ? [] : undefined;
  const infos = /rate\(\w+(?<!_total|_count|_bucket)\{?/.test(query)
    ? ['PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket']
    : undefined;
  return ok({ resultType: 'matrix', result }, { warnings, infos });
}

const ok = (data, extra = {}) => ({ body: { status: 'success', data, ...extra } });

const firing = {
  labels: { alertname: 'HighErrorRate', severity: 'critical', service_name: 'payments' },
  annotations: { summary: 'payments fails 6.4 % of its requests', runbook: 'https://runbooks.example.com/errors' },
  state: 'firing',
  activeAt: new Date(Date.now() - 1.1e6).toISOString(),
  value: '6.4e-02',
};
const pending = {
  ...firing,
  labels: { alertname: 'HostHighLoad', severity: 'warning', host_name: 'web-2' },
  annotations: { summary: 'Load of web-2 is 9.1' },
  state: 'pending',
  value: '9.1e+00',
};

function rule(name, query, state, alerts = []) {
  return {
    name,
    query,
    type: 'alerting',
    state,
    duration: 300,
    health: 'ok',
    evaluationTime: 0.0012,
    lastEvaluation: new Date(Date.now() - 8000).toISOString(),
    labels: { severity: 'critical' },
    annotations: {},
    alerts,
  };
}

export function promResponse(path, params, empty) {
  if (path === 'query_range') return range(params);
  if (path === 'query') {
    const query = params.get('query') ?? '';
    const result = shape(query).map((metric, i) => ({
      metric,
      value: [Number(params.get('time')), String(scale(query) / (i + 1))],
    }));
    return ok({ resultType: 'vector', result });
  }
  if (path === 'label/__name__/values') return ok(empty ? [] : metrics);
  if (path.startsWith('label/')) return ok(['web-1', 'web-2', 'db-1']);
  if (path === 'labels') return ok(['__name__', 'host_name', 'state', 'direction']);
  if (path === 'series') return ok(metrics.map((name) => ({ __name__: name, host_name: 'web-1' })));
  if (path === 'metadata')
    return ok({
      system_cpu_time_seconds_total: [{ type: 'counter', help: 'Seconds each CPU spent in each state', unit: 's' }],
    });
  if (path === 'query_exemplars') {
    if (!/duration/.test(params.get('query') ?? '')) return ok([]);
    const end = Number(params.get('end'));
    const exemplars = Array.from({ length: 12 }, (_, i) => ({
      labels: { trace_id: bigTrace },
      value: String(0.12 + 0.02 * i),
      timestamp: end - 200 - i * 250,
    }));
    return ok([{ seriesLabels: { __name__: 'http_server_request_duration_seconds_bucket' }, exemplars }]);
  }
  if (path === 'alerts') return ok({ alerts: empty ? [] : [firing, pending] });
  if (path === 'rules') {
    const groups = [
      {
        name: 'slo',
        file: '/etc/strata/rules/slo.yaml',
        interval: 60,
        lastEvaluation: new Date().toISOString(),
        evaluationTime: 0.003,
        rules: [
          rule(
            'HighErrorRate',
            'sum by (service_name) (rate(errors_total[5m])) / sum by (service_name) (rate(requests_total[5m])) > 0.05',
            'firing',
            [firing],
          ),
          rule(
            'LatencyBudget',
            'histogram_quantile(0.99, sum by (le) (rate(http_server_request_duration_seconds_bucket[5m]))) > 1',
            'inactive',
          ),
          {
            name: 'service:requests:rate5m',
            query: 'sum by (service_name) (rate(requests_total[5m]))',
            type: 'recording',
            health: 'ok',
            evaluationTime: 0.0004,
            lastEvaluation: new Date().toISOString(),
          },
        ],
      },
      {
        name: 'hosts',
        file: 'api',
        interval: 30,
        lastEvaluation: new Date().toISOString(),
        evaluationTime: 0.001,
        rules: [rule('HostHighLoad', 'system_cpu_load_average_5m > 8', 'pending', [pending])],
      },
    ];
    return ok({ groups: empty ? [] : groups });
  }
  return { status: 404, body: { status: 'error', errorType: 'not_found', error: path } };
}
