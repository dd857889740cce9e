// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { Topology, TopologyNode } from '@/api/topology';
import { ErrorRate, Section, Swatch } from '@/components/blocks';
import { numeric, text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { instancePath, StateBadge, stateOrder } from '@/features/tables/middleware-state';
import { formatDuration, formatRate, none } from '@/lib/format';
import { term } from '@/lib/query';
import { AppLink, useGo } from '@/state/navigation';

interface Row extends TopologyNode {
  callers: string[];
}

/** Instances that agents found, and what services call beside them: databases, queues, RPC. Plain HTTP is left to the pages of services. */
function rowsOf({ nodes, edges }: Topology): Row[] {
  const names = new Map(nodes.map((node) => [node.id, node.name]));
  const callers = new Map<string, string[]>();
  for (const edge of edges) {
    if (edge.kind === 'calls')
      callers.set(edge.target, [...(callers.get(edge.target) ?? []), names.get(edge.source) ?? '']);
  }
  return nodes
    .filter(
      (node) => node.kind === 'middleware' || (node.kind === 'peer' && node.type !== 'http' && node.type !== 'other'),
    )
    .map((node) => ({ ...node, callers: callers.get(node.id) ?? [] }));
}

/** The traces in which the row is called. */
function tracesOf(row: Row): string {
  if (row.type !== 'db' && row.type !== 'messaging' && row.type !== 'rpc') return term('peer', row.name);
  return row.system ? term(row.type, row.system) : `${row.type}:*`;
}

export function Middleware({ topology }: { topology: Topology }) {
  const { t } = useTranslation();
  const go = useGo();
  const rows = rowsOf(topology);
  if (rows.length === 0) return null;
  const columns: Column<Row>[] = [
    {
      id: 'target',
      header: t('middleware.target'),
      width: 150,
      grow: true,
      sort: (row) => row.name,
      render: (row) => (
        <span style={{ display: 'inline-flex', alignItems: 'center', gap: 7 }}>
          <Swatch name={row.name} />
          {row.name}
        </span>
      ),
    },
    {
      id: 'state',
      header: t('hosts.state'),
      width: 124,
      minPage: 600,
      sort: (row) => (row.middleware ? stateOrder.indexOf(row.middleware.state) : stateOrder.length),
      render: (row) =>
        row.middleware ? <StateBadge state={row.middleware.state} /> : <span className="faint">{none}</span>,
    },
    {
      id: 'type',
      header: t('middleware.type'),
      width: 96,
      minPage: 700,
      sort: (row) => row.type,
      render: (row) => (row.type === '' ? <span className="faint">{none}</span> : t(`dependency.${row.type}`)),
    },
    text({
      id: 'system',
      header: t('middleware.system'),
      width: 110,
      minPage: 700,
      value: (row) => row.middleware?.title ?? row.system,
    }),
    {
      id: 'callers',
      header: t('middleware.callers'),
      width: 220,
      minPage: 900,
      render: (row) => (
        <span className="dim truncate" title={row.callers.join(', ')}>
          {row.callers.join(', ')}
        </span>
      ),
    },
    numeric({ id: 'rate', header: t('middleware.calls'), width: 90, value: (row) => row.rate, show: formatRate }),
    {
      id: 'errors',
      header: t('services.errors'),
      width: 84,
      align: 'end',
      sort: (row) => row.error_rate,
      render: (row) => <ErrorRate value={row.calls > 0 ? row.error_rate : null} errors={row.errors} />,
    },
    numeric({ id: 'p95', header: 'p95', width: 84, value: (row) => row.p95_ns, show: formatDuration }),
  ];
  const open = (row: Row) =>
    row.middleware ? go(instancePath(row.middleware.kind, row.name)) : go('/traces', { q: tracesOf(row) });
  return (
    <Section
      title={t('overview.middleware')}
      side={
        <AppLink to="/middleware" className="link">
          {t('overview.allMiddleware')}
        </AppLink>
      }
      testId="layer-middleware"
    >
      <DataTable
        id="overview-middleware"
        label={t('overview.middleware')}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.id}
        sort={{ id: 'rate', desc: true }}
        onOpen={open}
        maxHeight={420}
      />
    </Section>
  );
}
