// SPDX-License-Identifier: Apache-2.0
import { Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { type Agent, type Middleware, type QueueState, section, useAgents } from '@/api/agents';
import { TimeAgo, Toolbar } from '@/components/blocks';
import { numeric, text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { FilterBox } from '@/components/filter-box';
import { RowsSkeleton } from '@/components/skeleton';
import { Empty, QueryView, Warnings } from '@/components/states';
import { AddHost } from '@/features/onboarding/add-host';
import { formatBytes, formatSeconds } from '@/lib/format';
import { AppLink, useGo, usePatchSearch, useSearchParams } from '@/state/navigation';
import { decodeSort } from '@/state/url';
import { AgentBadge, ConfigBadge } from './agent-state';

const states = ['online', 'late', 'offline', 'stopped'] as const;
const order = { offline: 0, late: 1, stopped: 2, online: 3 };

/** How old the oldest data in the agent's queue are, in seconds. */
export function lagOf(agent: Agent): number | null {
  const queues = section<QueueState>(agent.status, 'queue');
  return queues.length === 0 ? null : Math.max(...queues.map((q) => q.oldest_seconds ?? 0));
}

export const formatLag = (seconds: number | null) => (seconds === 0 ? '0 s' : formatSeconds(seconds));

export function queueOf(agent: Agent): number | null {
  const queues = section<QueueState>(agent.status, 'queue');
  return queues.length === 0 ? null : queues.reduce((sum, q) => sum + (q.bytes ?? 0), 0);
}

export function AgentList() {
  const { t } = useTranslation();
  const { filter = '', state = '', sort } = useSearchParams();
  const patch = usePatchSearch();
  const go = useGo();
  const query = useAgents(filter, state);
  return (
    <QueryView query={query} skeleton={<RowsSkeleton rows={12} />}>
      {(data) => {
        const agents = data.pages.flatMap((page) => page.agents);
        if (agents.length === 0 && filter === '' && state === '')
          return (
            <Empty title={t('agents.none')} body={<AddHost />}>
              {t('agents.noneDetail')}
            </Empty>
          );
        return (
          <>
            <Toolbar>
              <FilterBox label={t('agents.filter')} />
              <Select
                w={150}
                clearable
                aria-label={t('agents.heard')}
                placeholder={t('agents.anyState')}
                value={state || null}
                onChange={(value) => patch({ state: value ?? undefined })}
                data={states.map((value) => ({ value, label: t(`agents.state.${value}`) }))}
              />
              <span className="faint">
                {t('agents.count', { count: agents.length })}
                {query.hasNextPage ? '+' : ''}
              </span>
            </Toolbar>
            <Warnings warnings={data.pages.flatMap((page) => page.warnings)} />
            <DataTable
              id="agents"
              label={t('nav.agents')}
              columns={columns(t)}
              rows={agents}
              rowKey={(row) => row.id}
              sort={decodeSort(sort, 'state')}
              onSort={(value) => patch({ sort: value === 'state' ? undefined : value })}
              onOpen={(row) => go(`/agents/${row.id}`)}
              onEnd={() => query.hasNextPage && !query.isFetchingNextPage && query.fetchNextPage()}
              empty={t('common.noMatch')}
              keyboard
            />
          </>
        );
      }}
    </QueryView>
  );
}

function columns(t: ReturnType<typeof useTranslation>['t']): Column<Agent>[] {
  return [
    {
      id: 'state',
      header: t('agents.heard'),
      width: 108,
      sort: (row) => (row.state === 'online' && !row.healthy ? 1 : order[row.state]),
      render: (row) => <AgentBadge agent={row} />,
    },
    {
      id: 'host',
      header: t('hosts.host'),
      width: 120,
      grow: true,
      sort: (row) => row.host,
      render: (row) => (
        <AppLink to={`/agents/${row.id}`} className="link">
          {row.host}
        </AppLink>
      ),
    },
    text({ id: 'version', header: t('agents.version'), width: 110, minPage: 900, value: (row) => row.version }),
    {
      id: 'beat',
      header: t('agents.lastHeartbeat'),
      width: 120,
      sort: (row) => -row.silent_seconds,
      render: (row) => <TimeAgo time={row.last_heartbeat} />,
    },
    numeric({ id: 'lag', header: t('agents.lag'), width: 90, minPage: 760, value: lagOf, show: formatLag }),
    numeric({ id: 'queue', header: t('agents.queue'), width: 90, minPage: 900, value: queueOf, show: formatBytes }),
    {
      id: 'found',
      header: t('agents.found'),
      width: 260,
      minPage: 1000,
      sort: (row) => section(row.status, 'middleware').length,
      render: (row) => <Found list={section<Middleware>(row.status, 'middleware')} />,
    },
    {
      id: 'config',
      header: t('agents.configuration'),
      width: 180,
      minPage: 700,
      sort: (row) => row.config.name,
      render: (row) => <ConfigBadge config={row.config} />,
    },
  ];
}

function Found({ list }: { list: Middleware[] }) {
  const kinds = [...new Set(list.map((item) => item.kind))];
  const missing = list.some((item) => (item.missing?.length ?? 0) > 0 || item.state !== 'collecting');
  if (kinds.length === 0) return <span className="faint">—</span>;
  return <span className={missing ? 'warn' : 'dim'}>{kinds.join(', ')}</span>;
}
