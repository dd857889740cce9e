// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { type EditableGroup, useEditableGroups } from '@/api/alerts';
import { StatusBadge, TimeAgo, Toolbar } from '@/components/blocks';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { RowsSkeleton } from '@/components/skeleton';
import { Empty, QueryView } from '@/components/states';
import { usePatchSearch, useSearchParams } from '@/state/navigation';

// The editor is large and needed by few visits.
const GroupEditor = lazy(() => import('./group-editor').then((module) => ({ default: module.GroupEditor })));

export const newGroup = 'new';

export function GroupsPanel() {
  const { t } = useTranslation();
  const { group } = useSearchParams();
  const patch = usePatchSearch();
  const query = useEditableGroups();
  const columns: Column<EditableGroup>[] = [
    {
      id: 'name',
      header: t('alerts.group'),
      width: 200,
      grow: true,
      sort: (row) => row.name,
      render: (row) => <b>{row.name}</b>,
    },
    {
      id: 'source',
      header: t('alerts.source'),
      width: 200,
      sort: (row) => row.source,
      render: (row) =>
        row.source === 'api' ? (
          <StatusBadge kind="plain">{t('alerts.editable')}</StatusBadge>
        ) : (
          <span className="mono dim">{row.file}</span>
        ),
    },
    { id: 'interval', header: t('alerts.interval'), width: 90, render: (row) => row.interval },
    {
      id: 'updated',
      header: t('alerts.updated'),
      width: 120,
      minPage: 700,
      sort: (row) => row.updated_at,
      render: (row) => <TimeAgo time={row.updated_at} />,
    },
  ];
  const close = () => patch({ group: undefined });
  return (
    <QueryView query={query} skeleton={<RowsSkeleton />}>
      {(data) => {
        const opened = data.groups.find((item) => item.id === group);
        return (
          <>
            <Toolbar>
              <Button leftSection={<IconPlus size={14} />} onClick={() => patch({ group: newGroup })}>
                {t('alerts.newGroup')}
              </Button>
            </Toolbar>
            {(group === newGroup || opened) && (
              <Suspense fallback={<RowsSkeleton rows={6} />}>
                <GroupEditor key={group} group={opened ?? null} onClose={close} />
              </Suspense>
            )}
            {data.groups.length === 0 && group !== newGroup && (
              <Empty title={t('alerts.noRules')}>{t('alerts.noRulesDetail')}</Empty>
            )}
            {data.groups.length > 0 && (
              <DataTable
                id="rule-groups"
                label={t('alerts.tab.edit')}
                columns={columns}
                rows={data.groups}
                rowKey={(row) => row.id}
                selected={group}
                onOpen={(row) => patch({ group: row.id })}
                keyboard
              />
            )}
          </>
        );
      }}
    </QueryView>
  );
}
