// SPDX-License-Identifier: Apache-2.0
import type { TFunction } from 'i18next';
import type { TraceRow } from '@/api/traces';
import { ServiceName, Swatch } from '@/components/blocks';
import type { Column } from '@/components/data-table/columns';
import { formatCount, formatDuration } from '@/lib/format';
import { formatStamp, type Zone } from '@/lib/time';
import { AppLink } from '@/state/navigation';
import c from './traces.module.css';

const mostSwatches = 8;

/** One slow trace must not flatten all others: the bar follows the logarithm, as the scatter above the list does. */
function barPercent(duration: number, fastest: number, slowest: number): number {
  if (duration <= 0 || slowest <= fastest) return 100;
  return 4 + 96 * (Math.log(duration / fastest) / Math.log(slowest / fastest));
}

export function traceColumns(t: TFunction, zone: Zone, fastest: number, slowest: number): Column<TraceRow>[] {
  return [
    {
      id: 'start',
      header: t('traces.start'),
      width: 144,
      minPage: 700,
      render: (row) => <span className="dim">{formatStamp(row.start, zone)}</span>,
    },
    {
      id: 'root',
      header: t('traces.root'),
      width: 170,
      grow: true,
      render: (row) => (
        <AppLink to={`/traces/${row.trace_id}`} className={c.root}>
          <ServiceName name={row.root_service} />
          <span className="mono truncate">{row.root_name}</span>
          {row.root_missing && <span className="warn">{t('traces.rootMissing')}</span>}
        </AppLink>
      ),
    },
    {
      id: 'duration',
      header: t('traces.duration'),
      width: 150,
      render: (row) => (
        <span className={c.duration}>
          <span className={c.durationText}>{formatDuration(row.duration_ns)}</span>
          <span className={c.track}>
            <span
              className={c.durationBar}
              data-bad={row.error_count > 0 || undefined}
              style={{ width: `${barPercent(row.duration_ns, fastest, slowest)}%` }}
            />
          </span>
        </span>
      ),
    },
    { id: 'spans', header: t('traces.spans'), width: 72, align: 'end', render: (row) => formatCount(row.span_count) },
    {
      id: 'errors',
      header: t('traces.errors'),
      width: 66,
      align: 'end',
      render: (row) => <span className={row.error_count > 0 ? 'crit' : 'faint'}>{formatCount(row.error_count)}</span>,
    },
    {
      id: 'matched',
      header: t('traces.matched'),
      width: 76,
      align: 'end',
      minPage: 1100,
      render: (row) => formatCount(row.matched_spans),
    },
    {
      id: 'services',
      header: t('nav.services'),
      width: 130,
      minPage: 900,
      render: (row) => (
        <span className={c.swatches} title={row.services.map((s) => `${s.name} ${s.spans}`).join('\n')}>
          {row.services.slice(0, mostSwatches).map((service) => (
            <Swatch key={service.name} name={service.name} />
          ))}
          <span className="faint">{row.services.length}</span>
        </span>
      ),
    },
  ];
}
