// SPDX-License-Identifier: Apache-2.0
import type { ChartKind } from '@/features/chart/plot';
import type { Unit } from '@/lib/format';

export interface HostChart {
  id: string;
  title: string;
  unit: Unit;
  kind: ChartKind;
  queries: string[];
  /** Names of the queries' lines where there is more than one query. */
  names?: string[];
}

/** A label value inside a PromQL matcher. */
export function matcher(host: string): string {
  return `host_name="${host.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/**
 * The charts of one host. Metric names are those of OpenTelemetry's host metrics after Prometheus' translation
 * (underscores, with unit suffixes).
 */
export function hostCharts(host: string, stepSeconds: number): HostChart[] {
  const own = matcher(host);
  // Four samples at the usual 15 s interval, and never less than four steps.
  const window = `${Math.max(60, stepSeconds * 4)}s`;
  const rate = (metric: string, by: string) => `sum by (${by}) (rate(${metric}{${own}}[${window}]))`;
  return [
    {
      id: 'cpu',
      title: 'host.cpu',
      unit: 'percent',
      kind: 'stack',
      queries: [
        `sum by (state) (rate(system_cpu_time_seconds_total{${own}, state!="idle"}[${window}])) / scalar(sum(rate(system_cpu_time_seconds_total{${own}}[${window}])))`,
      ],
    },
    {
      id: 'load',
      title: 'host.load',
      unit: 'number',
      kind: 'line',
      queries: ['1m', '5m', '15m'].map((span) => `max(system_cpu_load_average_${span}{${own}})`),
      names: ['1m', '5m', '15m'],
    },
    {
      id: 'memory',
      title: 'host.memory',
      unit: 'bytes',
      kind: 'stack',
      queries: [`sum by (state) (system_memory_usage_bytes{${own}})`],
    },
    {
      id: 'filesystem',
      title: 'host.filesystem',
      unit: 'bytes',
      kind: 'line',
      queries: [`sum by (mountpoint) (system_filesystem_usage_bytes{${own}, state="used"})`],
    },
    {
      id: 'diskio',
      title: 'host.diskIo',
      unit: 'bytes/s',
      kind: 'line',
      queries: [rate('system_disk_io_bytes_total', 'direction')],
    },
    {
      id: 'diskops',
      title: 'host.diskOperations',
      unit: 'rate',
      kind: 'line',
      queries: [rate('system_disk_operations_total', 'direction')],
    },
    {
      id: 'network',
      title: 'host.network',
      unit: 'bytes/s',
      kind: 'line',
      queries: [rate('system_network_io_bytes_total', 'direction')],
    },
    {
      id: 'neterrors',
      title: 'host.networkErrors',
      unit: 'rate',
      kind: 'line',
      queries: [rate('system_network_errors_total', 'direction')],
    },
    {
      id: 'paging',
      title: 'host.paging',
      unit: 'bytes',
      kind: 'stack',
      queries: [`sum by (state) (system_paging_usage_bytes{${own}})`],
    },
    {
      id: 'processes',
      title: 'host.processes',
      unit: 'number',
      kind: 'stack',
      queries: [`sum by (status) (system_processes_count{${own}})`],
    },
  ];
}
