// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { type ServiceRow, useDependencies } from '@/api/services';
import { ErrorRate, Section, Swatch } from '@/components/blocks';
import { numeric, text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { formatDuration, formatRate } from '@/lib/format';
import { term } from '@/lib/query';
import { useGo } from '@/state/navigation';
import { useView } from '@/state/view';
import { type MiddlewareRow, mergeDependencies } from './merge-dependencies';

/** Services beyond these are not asked for what they call. */
const mostServices = 16;

export function Middleware({ services }: { services: ServiceRow[] }) {
  const { t } = useTranslation();
  const { range, env } = useView();
  const go = useGo();
  const names = [...new Set([...services].sort((a, b) => b.rate - a.rate).map((service) => service.name))].slice(
    0,
    mostServices,
  );
  const answers = useDependencies(names, range, env);
  const rows = mergeDependencies(names, answers);
  if (rows.length === 0) return null;
  const seconds = range.end - range.start;
  const columns: Column<MiddlewareRow>[] = [
    {
      id: 'target',
      header: t('middleware.target'),
      width: 150,
      grow: true,
      sort: (row) => row.target,
      render: (row) => (
        <span style={{ display: 'inline-flex', alignItems: 'center', gap: 7 }}>
          <Swatch name={row.target} />
          {row.target}
        </span>
      ),
    },
    {
      id: 'type',
      header: t('middleware.type'),
      width: 96,
      sort: (row) => row.type,
      render: (row) => t(`dependency.${row.type}`),
    },
    text({ id: 'system', header: t('middleware.system'), width: 110, minPage: 700, value: (row) => row.system }),
    {
      id: 'callers',
      header: t('middleware.callers'),
      width: 220,
      minPage: 900,
      render: (row) => <span className="dim">{row.callers.join(', ')}</span>,
    },
    {
      id: 'rate',
      header: t('middleware.calls'),
      width: 90,
      align: 'end',
      sort: (row) => row.calls,
      render: (row) => formatRate(row.calls / seconds),
    },
    {
      id: 'errors',
      header: t('services.errors'),
      width: 84,
      align: 'end',
      sort: (row) => row.errors / row.calls,
      render: (row) => <ErrorRate value={row.calls > 0 ? row.errors / row.calls : null} errors={row.errors} />,
    },
    numeric({ id: 'p95', header: 'p95', width: 84, value: (row) => row.p95_ns, show: formatDuration }),
  ];
  const field = { db: 'db', messaging: 'messaging', rpc: 'rpc' } as const;
  return (
    <Section title={t('overview.middleware')} testId="layer-middleware">
      <DataTable
        id="overview-middleware"
        label={t('overview.middleware')}
        columns={columns}
        rows={rows}
        rowKey={(row) => `${row.type} ${row.system} ${row.target}`}
        sort={{ id: 'rate', desc: true }}
        onOpen={(row) => go('/traces', { q: row.system ? term(field[row.type], row.system) : `${field[row.type]}:*` })}
      />
    </Section>
  );
}
