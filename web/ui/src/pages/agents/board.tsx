// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { type Board, type QueueState, section, type Volume } from '@/api/agents';
import { Meter, Section } from '@/components/blocks';
import { numeric, text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { formatBytes, formatCount, formatNumber, formatSeconds } from '@/lib/format';
import { formatLag } from './agent-list';
import c from './agents.module.css';

/** The board's sections other than middleware: those known as tables, others as they are. */
export function BoardSections({ board }: { board: Board }) {
  const { t } = useTranslation();
  const known = ['middleware', 'volume', 'queue', 'logs', 'clock'];
  const clock = board.clock as { offset_seconds?: number; uncertainty_seconds?: number } | undefined;
  const others = Object.entries(board).filter(([name]) => !known.includes(name));
  const logs = section<LogSource>(board, 'logs');
  return (
    <>
      <div className={c.two}>
        <Section title={t('agents.volume')}>
          <VolumeTable volume={board.volume as Volume | undefined} />
        </Section>
        <Section title={t('agents.queue')}>
          <QueueTable rows={section<QueueState>(board, 'queue')} />
        </Section>
      </div>
      {board.logs !== undefined && (
        <Section title={t('agents.logs')}>
          {logs.length > 0 ? <LogsTable rows={logs} /> : <Plain value={board.logs} />}
        </Section>
      )}
      {typeof clock?.offset_seconds === 'number' && (
        <Section title={t('agents.clock')}>
          <span>
            {t('agents.clockOffset', {
              offset: formatSeconds(Math.abs(clock.offset_seconds)),
              uncertainty: formatSeconds(clock.uncertainty_seconds ?? 0),
            })}
          </span>
        </Section>
      )}
      {others.length > 0 && (
        <div className={c.two}>
          {others.map(([name, value]) => (
            <Section key={name} title={name}>
              <Plain value={value} />
            </Section>
          ))}
        </div>
      )}
    </>
  );
}

function VolumeTable({ volume }: { volume: Volume | undefined }) {
  const { t } = useTranslation();
  type Row = { name: string; total: number; per_minute: number };
  const rows: Row[] = Object.entries(volume?.pipelines ?? {}).map(([name, counts]) => ({ name, ...counts }));
  const columns: Column<Row>[] = [
    text({
      id: 'name',
      header: t('agents.pipeline'),
      width: 140,
      grow: true,
      className: 'mono',
      value: (row) => row.name,
    }),
    numeric({
      id: 'minute',
      header: t('agents.perMinute'),
      width: 120,
      value: (row) => row.per_minute,
      show: formatNumber,
    }),
    numeric({ id: 'total', header: t('agents.total'), width: 110, value: (row) => row.total, show: formatCount }),
  ];
  return (
    <DataTable
      id="agent-volume"
      label={t('agents.volume')}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.name}
      sort={{ id: 'name', desc: false }}
      empty={t('agents.noVolume')}
    />
  );
}

function QueueTable({ rows }: { rows: QueueState[] }) {
  const { t } = useTranslation();
  const columns: Column<QueueState>[] = [
    text({ id: 'signal', header: t('agents.signal'), width: 90, grow: true, value: (row) => row.signal }),
    numeric({ id: 'bytes', header: t('agents.waiting'), width: 90, value: (row) => row.bytes, show: formatBytes }),
    {
      id: 'full',
      header: t('agents.full'),
      width: 130,
      align: 'end',
      sort: (row) => row.bytes / row.limit_bytes,
      render: (row) => <Meter value={row.limit_bytes > 0 ? row.bytes / row.limit_bytes : null} />,
    },
    numeric({
      id: 'oldest',
      header: t('agents.lag'),
      width: 90,
      value: (row) => row.oldest_seconds,
      show: formatLag,
    }),
  ];
  return (
    <DataTable
      id="agent-queue"
      label={t('agents.queue')}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.signal}
      sort={{ id: 'signal', desc: false }}
      empty={t('agents.noQueue')}
    />
  );
}

type LogSource = Record<string, string | number | boolean | null>;

/** One row for each source of logs; the columns are what the agent counts. */
function LogsTable({ rows }: { rows: LogSource[] }) {
  const { t } = useTranslation();
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const words = names.filter((name) => rows.some((row) => typeof row[name] === 'string'));
  const numbers = names.filter((name) => !words.includes(name) && rows.some((row) => typeof row[name] === 'number'));
  const columns: Column<LogSource>[] = [
    ...words.map((name, at) =>
      text<LogSource>({
        id: name,
        header: name,
        width: 160,
        grow: at === 0,
        className: 'mono',
        value: (row) => String(row[name] ?? ''),
      }),
    ),
    ...numbers.map((name) =>
      numeric<LogSource, number | null>({
        id: name,
        header: name.replaceAll('_', ' '),
        width: 120,
        value: (row) => (typeof row[name] === 'number' ? row[name] : null),
        show: name.endsWith('bytes') ? formatBytes : formatCount,
      }),
    ),
  ];
  return (
    <DataTable
      id="agent-logs"
      label={t('agents.logs')}
      columns={columns}
      rows={rows}
      rowKey={(row) => words.map((name) => row[name]).join(' ')}
      empty={t('agents.noVolume')}
      maxHeight={360}
    />
  );
}

/** A section this page does not know. */
function Plain({ value }: { value: unknown }) {
  return <pre className={c.diff}>{JSON.stringify(value, null, 2).replace(/^/gm, '  ')}</pre>;
}
