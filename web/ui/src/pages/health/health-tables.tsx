// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { BusTopic, LedgerRow } from '@/api/ledger';
import { Meter, TimeAgo } from '@/components/blocks';
import { text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { formatBytes, formatCount } from '@/lib/format';
import { bySource, type SourceRow, sum } from './ledger-math';

export function BusTable({ rows }: { rows: BusTopic[] }) {
  const { t } = useTranslation();
  const columns: Column<BusTopic>[] = [
    {
      id: 'topic',
      header: t('health.topic'),
      width: 120,
      grow: true,
      sort: (row) => row.topic,
      render: (row) => <b>{row.topic}</b>,
    },
    {
      id: 'partition',
      header: t('health.partition'),
      width: 84,
      align: 'end',
      sort: (row) => row.partition,
      render: (row) => row.partition,
    },
    {
      id: 'lag',
      header: t('health.lag'),
      width: 90,
      align: 'end',
      sort: (row) => row.lag_records,
      render: (row) => (
        <span className={row.lag_records === 0 ? 'faint' : undefined}>{formatCount(row.lag_records)}</span>
      ),
    },
    {
      id: 'committed',
      header: t('health.committed'),
      width: 110,
      align: 'end',
      minPage: 900,
      render: (row) => formatCount(row.committed_offset),
    },
    {
      id: 'next',
      header: t('health.next'),
      width: 110,
      align: 'end',
      minPage: 900,
      render: (row) => formatCount(row.next_offset),
    },
    {
      id: 'bytes',
      header: t('health.bytes'),
      width: 160,
      align: 'end',
      minPage: 700,
      sort: (row) => row.bytes,
      render: (row) => (row.limit_bytes > 0 ? `${formatBytes(row.bytes)} / ${formatBytes(row.limit_bytes)}` : '–'),
    },
    {
      id: 'fill',
      header: t('health.fill'),
      width: 140,
      align: 'end',
      sort: (row) => (row.limit_bytes > 0 ? row.bytes / row.limit_bytes : 0),
      render: (row) => <Meter value={row.limit_bytes > 0 ? row.bytes / row.limit_bytes : null} />,
    },
    {
      id: 'oldest',
      header: t('health.oldest'),
      width: 110,
      minPage: 700,
      sort: (row) => row.oldest,
      render: (row) => <TimeAgo time={row.oldest} />,
    },
  ];
  return (
    <DataTable
      id="bus"
      label={t('health.bus')}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.topic} ${row.partition}`}
      sort={{ id: 'topic', desc: false }}
      empty={t('health.noBus')}
    />
  );
}

const signalKeys = { metrics: 'signal.metrics', traces: 'signal.traces', logs: 'signal.logs' } as const;

export function SourceTable({ rows }: { rows: LedgerRow[] }) {
  const { t } = useTranslation();
  const sources = useMemo(() => bySource(rows), [rows]);
  const number = (
    id: string,
    header: string,
    value: (row: SourceRow) => number,
    minPage?: number,
  ): Column<SourceRow> => ({
    id,
    header,
    width: 100,
    minPage,
    align: 'end',
    sort: value,
    render: (row) => <span className={value(row) === 0 ? 'faint' : undefined}>{formatCount(value(row))}</span>,
  });
  const columns: Column<SourceRow>[] = [
    text({
      id: 'source',
      header: t('health.source'),
      width: 140,
      grow: true,
      className: 'mono',
      value: (row) => row.source,
    }),
    {
      id: 'signal',
      header: t('health.signal'),
      width: 90,
      sort: (row) => row.signal,
      render: (row) => t(signalKeys[row.signal]),
    },
    number('received', t('health.received'), (row) => row.received),
    number('accepted', t('health.accepted'), (row) => row.accepted, 700),
    number('stored', t('health.stored'), (row) => row.stored),
    number('refused', t('health.refused'), (row) => sum(row.refused), 700),
    number('rejected', t('health.rejected'), (row) => sum(row.rejected), 900),
    {
      id: 'last',
      header: t('health.lastSeen'),
      width: 110,
      minPage: 900,
      sort: (row) => row.last,
      render: (row) => <TimeAgo time={row.last} />,
    },
  ];
  return (
    <DataTable
      id="sources"
      label={t('health.sources')}
      columns={columns}
      rows={sources}
      rowKey={(row) => `${row.signal} ${row.source}`}
      sort={{ id: 'received', desc: true }}
      empty={t('health.noSources')}
      maxHeight={420}
      keyboard
    />
  );
}
