// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { type Rollout, useRollouts } from '@/api/agents';
import { TimeAgo, Toolbar } from '@/components/blocks';
import { text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { RowsSkeleton } from '@/components/skeleton';
import { Empty, QueryView } from '@/components/states';
import { usePatchSearch, useSearchParams } from '@/state/navigation';
import { RolloutBadge } from './agent-state';
import { RolloutDetail } from './rollout-detail';

// The editor is large and needed by few visits.
const RolloutForm = lazy(() => import('./rollout-form').then((module) => ({ default: module.RolloutForm })));

const newRollout = 'new';

export function Rollouts() {
  const { t } = useTranslation();
  const { rollout } = useSearchParams();
  const patch = usePatchSearch();
  const query = useRollouts();
  const columns: Column<Rollout>[] = [
    {
      id: 'state',
      header: t('rollouts.state'),
      width: 130,
      sort: (row) => row.state,
      render: (row) => <RolloutBadge state={row.state} />,
    },
    {
      id: 'name',
      header: t('agents.configuration'),
      width: 140,
      sort: (row) => row.config_name,
      render: (row) => <b>{row.config_name}</b>,
    },
    {
      id: 'reason',
      header: t('rollouts.reason'),
      width: 160,
      grow: true,
      render: (row) => <span className="dim">{row.reason}</span>,
    },
    text({ id: 'by', header: t('rollouts.by'), width: 120, minPage: 900, value: (row) => row.created_by }),
    {
      id: 'created',
      header: t('rollouts.started'),
      width: 110,
      sort: (row) => row.created_at,
      render: (row) => <TimeAgo time={row.created_at} />,
    },
  ];
  return (
    <QueryView query={query} skeleton={<RowsSkeleton />}>
      {(rollouts) => (
        <>
          <Toolbar>
            <Button leftSection={<IconPlus size={14} />} onClick={() => patch({ rollout: newRollout }, { push: true })}>
              {t('rollouts.new')}
            </Button>
          </Toolbar>
          {rollout === newRollout && (
            <Suspense fallback={<RowsSkeleton rows={6} />}>
              <RolloutForm
                from={rollouts.find((one) => one.state === 'done')?.config_id}
                onClose={() => patch({ rollout: undefined })}
                onStarted={(started) => patch({ rollout: started.id })}
              />
            </Suspense>
          )}
          {rollout && rollout !== newRollout && <RolloutDetail id={rollout} />}
          {rollouts.length === 0 && rollout !== newRollout && (
            <Empty title={t('rollouts.none')}>{t('rollouts.noneDetail')}</Empty>
          )}
          {rollouts.length > 0 && (
            <DataTable
              id="rollouts"
              label={t('agents.tab.rollouts')}
              columns={columns}
              rows={rollouts}
              rowKey={(row) => row.id}
              selected={rollout}
              onOpen={(row) => patch({ rollout: row.id === rollout ? undefined : row.id })}
              keyboard
            />
          )}
        </>
      )}
    </QueryView>
  );
}
