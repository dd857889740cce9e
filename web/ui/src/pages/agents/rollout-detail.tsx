// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Rollout, type Target, useCancelRollout, useRollout } from '@/api/agents';
import { Section, Stat, Stats, StatusBadge, TimeAgo, Toolbar } from '@/components/blocks';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { RowsSkeleton } from '@/components/skeleton';
import { ErrorNote, QueryView, Warnings } from '@/components/states';
import { formatSeconds } from '@/lib/format';
import { AppLink } from '@/state/navigation';
import { RolloutBadge, targetKinds } from './agent-state';
import c from './agents.module.css';

const order = { failed: 0, watching: 1, offered: 2, waiting: 3, restored: 4, good: 5 };
const active = ['pending', 'canary', 'rest'];

export function RolloutDetail({ id }: { id: string }) {
  const query = useRollout(id);
  return (
    <QueryView query={query} skeleton={<RowsSkeleton rows={4} />}>
      {(rollout) => <Detail rollout={rollout} />}
    </QueryView>
  );
}

function Detail({ rollout }: { rollout: Rollout }) {
  const { t } = useTranslation();
  const canaries = rollout.targets.filter((target) => target.canary);
  const good = rollout.counts.good ?? 0;
  return (
    <Section
      testId="rollout"
      title={
        <>
          {rollout.config_name} <RolloutBadge state={rollout.state} />
        </>
      }
      side={active.includes(rollout.state) && <Cancel rollout={rollout} />}
    >
      <div className={c.stack}>
        {rollout.reason && (
          <Warnings
            warnings={[
              t(rollout.state === 'done' ? 'rollouts.someFailed' : 'rollouts.because', { reason: rollout.reason }),
            ]}
          />
        )}
        <Stats>
          <Stat label={t('rollouts.canaries')}>
            {`${canaries.filter((target) => target.state === 'good').length} / ${canaries.length}`}
          </Stat>
          <Stat label={t('rollouts.haveIt')}>{`${good} / ${rollout.targets.length}`}</Stat>
          <Stat label={t('rollouts.watch')}>{formatSeconds(rollout.watch_seconds)}</Stat>
          <Stat label={t('rollouts.meant')}>{selectorText(rollout) || t('rollouts.all')}</Stat>
        </Stats>
        <Targets targets={rollout.targets} />
      </div>
    </Section>
  );
}

export function selectorText({ selector }: Pick<Rollout, 'selector'>): string {
  const labels = Object.entries(selector.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [...(selector.hosts ?? []), ...labels].join(' ');
}

function Cancel({ rollout }: { rollout: Rollout }) {
  const { t } = useTranslation();
  const cancel = useCancelRollout();
  const [sure, setSure] = useState(false);
  return (
    <Toolbar>
      {cancel.error && <ErrorNote error={cancel.error} />}
      <Button
        size="xs"
        color="red"
        variant={sure ? 'filled' : 'subtle'}
        loading={cancel.isPending || rollout.cancelling}
        onClick={() => (sure ? cancel.mutate(rollout.id) : setSure(true))}
      >
        {sure ? t('rollouts.cancelSure') : t('rollouts.cancel')}
      </Button>
    </Toolbar>
  );
}

function Targets({ targets }: { targets: Target[] }) {
  const { t } = useTranslation();
  const columns: Column<Target>[] = [
    {
      id: 'state',
      header: t('rollouts.state'),
      width: 120,
      sort: (row) => order[row.state],
      render: (row) => <StatusBadge kind={targetKinds[row.state]}>{t(`rollouts.target.${row.state}`)}</StatusBadge>,
    },
    {
      id: 'host',
      header: t('hosts.host'),
      width: 120,
      sort: (row) => row.host,
      render: (row) => (
        <AppLink to={`/agents/${row.agent_id}`} className="link">
          {row.host}
        </AppLink>
      ),
    },
    {
      id: 'canary',
      header: t('rollouts.canary'),
      width: 84,
      sort: (row) => (row.canary ? 0 : 1),
      render: (row) => (row.canary ? t('rollouts.canary') : ''),
    },
    {
      id: 'reason',
      header: t('rollouts.reason'),
      width: 160,
      grow: true,
      render: (row) => (
        <span className="dim" title={row.reason}>
          {row.reason}
        </span>
      ),
    },
    {
      id: 'applied',
      header: t('rollouts.applied'),
      width: 110,
      minPage: 760,
      sort: (row) => row.applied_at,
      render: (row) => <TimeAgo time={row.applied_at} />,
    },
  ];
  return (
    <DataTable
      id="rollout-targets"
      label={t('nav.agents')}
      columns={columns}
      rows={targets}
      rowKey={(row) => row.agent_id}
      sort={{ id: 'state', desc: false }}
      empty={t('rollouts.notBegun')}
      maxHeight={420}
    />
  );
}
