// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { type Instance, useInstances } from '@/api/instances';
import { Section, StatusBadge, TimeAgo } from '@/components/blocks';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { Warnings } from '@/components/states';

const kinds = { ok: 'ok', degraded: 'warn', down: 'crit' } as const;

/** The processes of a spread-out installation and what each says of itself; one process alone has its components above. */
export function Processes() {
  const { t } = useTranslation();
  const { data } = useInstances();
  if (!data || (data.instances.length < 2 && data.warnings.length === 0)) return null;
  const columns: Column<Instance>[] = [
    {
      id: 'state',
      header: t('health.state'),
      width: 110,
      sort: (row) => row.state,
      render: (row) => <StatusBadge kind={kinds[row.state]}>{t(`component.${row.state}`)}</StatusBadge>,
    },
    { id: 'role', header: t('health.role'), width: 90, sort: (row) => row.role, render: (row) => row.role },
    {
      id: 'id',
      header: t('health.process'),
      width: 150,
      sort: (row) => row.id,
      render: (row) => <b title={row.url}>{row.id}</b>,
    },
    {
      id: 'message',
      header: t('health.cause'),
      width: 160,
      grow: true,
      render: (row) => (
        <span className={row.message ? undefined : 'faint'} title={row.message}>
          {row.message || '–'}
        </span>
      ),
    },
    {
      id: 'version',
      header: t('health.version'),
      width: 110,
      minPage: 900,
      render: (row) => <span className="mono">{row.version}</span>,
    },
    {
      id: 'started',
      header: t('health.started'),
      width: 110,
      minPage: 900,
      sort: (row) => row.started_at,
      render: (row) => <TimeAgo time={row.started_at} />,
    },
    {
      id: 'seen',
      header: t('health.lastSeen'),
      width: 110,
      minPage: 700,
      sort: (row) => row.seen_at,
      render: (row) => <TimeAgo time={row.seen_at} />,
    },
  ];
  return (
    <Section title={t('health.processes')} testId="processes">
      <Warnings warnings={data.warnings} />
      <DataTable
        id="processes"
        label={t('health.processes')}
        columns={columns}
        rows={data.instances}
        rowKey={(row) => row.id}
        sort={{ id: 'role', desc: false }}
        empty={t('health.noProcesses')}
      />
    </Section>
  );
}
