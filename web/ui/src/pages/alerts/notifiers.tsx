// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Notifier, useNotifiers, useTestNotifier } from '@/api/alerts';
import { StatusBadge, TimeAgo, Toolbar } from '@/components/blocks';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { RowsSkeleton } from '@/components/skeleton';
import { Empty, ErrorNote, QueryView, Warnings } from '@/components/states';
import { NotifierForm } from './notifier-form';
import { typeOf } from './notifier-types';

const kinds = { never: 'plain', ok: 'ok', failing: 'crit' } as const;

export function Notifiers() {
  const { t } = useTranslation();
  const query = useNotifiers();
  const test = useTestNotifier();
  const [editing, setEditing] = useState<Notifier | 'new' | null>(null);
  const columns: Column<Notifier>[] = [
    {
      id: 'name',
      header: t('notifiers.name'),
      width: 140,
      sort: (row) => row.name,
      render: (row) => <b>{row.name}</b>,
    },
    {
      id: 'type',
      header: t('notifiers.type'),
      width: 90,
      minPage: 700,
      render: (row) => typeOf(row.type)?.name ?? row.type,
    },
    {
      id: 'target',
      header: t('notifiers.target'),
      width: 200,
      grow: true,
      minPage: 700,
      render: (row) => <span className="mono dim">{typeOf(row.type)?.target(row.config)}</span>,
    },
    {
      id: 'status',
      header: t('notifiers.status'),
      width: 110,
      render: (row) =>
        row.enabled ? (
          <span title={row.last_error}>
            <StatusBadge kind={kinds[row.last_status]}>{t(`notifiers.${row.last_status}`)}</StatusBadge>
          </span>
        ) : (
          <StatusBadge kind="unknown">{t('notifiers.disabled')}</StatusBadge>
        ),
    },
    {
      id: 'pending',
      header: t('notifiers.pending'),
      width: 80,
      align: 'end',
      minPage: 700,
      render: (row) => row.pending,
    },
    {
      id: 'last',
      header: t('notifiers.last'),
      width: 110,
      minPage: 900,
      render: (row) => <TimeAgo time={row.last_attempt} />,
    },
    {
      id: 'test',
      header: '',
      width: 90,
      align: 'end',
      render: (row) => (
        <Button
          size="compact-xs"
          variant="default"
          loading={test.isPending && test.variables === row.id}
          onClick={(event) => {
            event.stopPropagation();
            test.mutate(row.id);
          }}
        >
          {t('notifiers.test')}
        </Button>
      ),
    },
  ];
  return (
    <QueryView query={query} skeleton={<RowsSkeleton />}>
      {(data) => (
        <>
          <Toolbar>
            <Button leftSection={<IconPlus size={14} />} onClick={() => setEditing('new')}>
              {t('notifiers.add')}
            </Button>
          </Toolbar>
          <Warnings warnings={data.warnings} />
          {test.error && <ErrorNote error={test.error} />}
          {test.data && !test.data.ok && (
            <Warnings warnings={[t('notifiers.testFailed', { error: test.data.error })]} />
          )}
          {test.data?.ok && <Warnings kind="info" warnings={[t('notifiers.testOk')]} />}
          {data.notifiers.length === 0 ? (
            <Empty title={t('notifiers.none')}>{t('notifiers.noneDetail')}</Empty>
          ) : (
            <DataTable
              id="notifiers"
              label={t('alerts.tab.notifiers')}
              columns={columns}
              rows={data.notifiers}
              rowKey={(row) => row.id}
              onOpen={setEditing}
              rowHeight={38}
              keyboard
            />
          )}
          {editing && (
            <NotifierForm
              key={editing === 'new' ? 'new' : editing.id}
              notifier={editing === 'new' ? null : editing}
              onClose={() => setEditing(null)}
            />
          )}
        </>
      )}
    </QueryView>
  );
}
