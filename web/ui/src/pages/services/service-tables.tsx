// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dependency, Operation, ServiceDetail } from '@/api/services';
import { ErrorRate, ServiceName, TimeAgo } from '@/components/blocks';
import { numeric, text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { formatCount, formatDuration, formatPercent, formatRate } from '@/lib/format';
import { term } from '@/lib/query';
import { AppLink, useGo } from '@/state/navigation';

export function Operations({ rows, service }: { rows: Operation[]; service: string }) {
  const { t } = useTranslation();
  const go = useGo();
  const total = useMemo(() => rows.reduce((sum, row) => sum + row.total_ns, 0), [rows]);
  const query = (row: Operation) => `${term('service', service)} ${term('name', row.name)}`;
  const columns: Column<Operation>[] = [
    {
      id: 'name',
      header: t('service.operation'),
      width: 180,
      grow: true,
      sort: (row) => row.name,
      render: (row) => (
        <AppLink to="/traces" search={{ q: query(row) }} className="link mono">
          {row.name}
        </AppLink>
      ),
    },
    text({
      id: 'kind',
      header: t('service.kind'),
      width: 84,
      minPage: 900,
      className: 'dim',
      value: (row) => row.kind,
    }),
    numeric({ id: 'rate', header: t('services.rate'), width: 96, value: (row) => row.rate, show: formatRate }),
    {
      id: 'errors',
      header: t('services.errors'),
      width: 80,
      align: 'end',
      sort: (row) => (row.requests > 0 ? row.errors / row.requests : null),
      render: (row) => (
        <AppLink to="/traces" search={{ q: `${query(row)} error:true` }}>
          <ErrorRate value={row.requests > 0 ? row.errors / row.requests : null} errors={row.errors} />
        </AppLink>
      ),
    },
    numeric({ id: 'p50', header: 'p50', width: 80, minPage: 700, value: (row) => row.p50_ns, show: formatDuration }),
    {
      id: 'p95',
      header: 'p95',
      width: 80,
      align: 'end',
      sort: (row) => row.p95_ns,
      render: (row) => (
        <AppLink to="/traces" search={{ q: query(row), sort: 'slowest' }} className="link">
          {formatDuration(row.p95_ns)}
        </AppLink>
      ),
    },
    numeric({ id: 'p99', header: 'p99', width: 80, minPage: 700, value: (row) => row.p99_ns, show: formatDuration }),
    {
      id: 'time',
      header: t('service.timeSpent'),
      width: 96,
      align: 'end',
      minPage: 900,
      sort: (row) => row.total_ns,
      render: (row) => formatPercent(total > 0 ? row.total_ns / total : null),
    },
  ];
  return (
    <DataTable
      id="operations"
      label={t('service.operations')}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.kind} ${row.name}`}
      sort={{ id: 'time', desc: true }}
      onOpen={(row) => go('/traces', { q: query(row) })}
      empty={t('service.noOperations')}
      maxHeight={520}
      keyboard
    />
  );
}

export function Dependencies({ rows, service }: { rows: Dependency[]; service: string }) {
  const { t } = useTranslation();
  const go = useGo();
  const query = (row: Dependency) => {
    const own = `${term('service', service)} kind:client,producer`;
    if (row.type === 'db' || row.type === 'rpc' || row.type === 'messaging')
      return `${own} ${row.type}:${row.system || '*'}`;
    return row.target ? `${own} ${term('peer', row.target)}` : own;
  };
  const columns: Column<Dependency>[] = [
    {
      id: 'target',
      header: t('middleware.target'),
      width: 140,
      grow: true,
      sort: (row) => row.target,
      render: (row) => row.target || row.system,
    },
    {
      id: 'type',
      header: t('middleware.type'),
      width: 120,
      sort: (row) => row.type,
      render: (row) => (
        <span className="dim">{[t(`dependency.${row.type}`), row.system].filter(Boolean).join(' · ')}</span>
      ),
    },
    numeric({ id: 'calls', header: t('middleware.count'), width: 80, value: (row) => row.calls, show: formatCount }),
    {
      id: 'errors',
      header: t('services.errors'),
      width: 76,
      align: 'end',
      sort: (row) => row.errors,
      render: (row) => <ErrorRate value={row.calls > 0 ? row.errors / row.calls : null} errors={row.errors} />,
    },
    numeric({ id: 'p95', header: 'p95', width: 76, value: (row) => row.p95_ns, show: formatDuration }),
  ];
  return (
    <DataTable
      id="dependencies"
      label={t('service.dependencies')}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.type} ${row.system} ${row.target}`}
      sort={{ id: 'calls', desc: true }}
      onOpen={(row) => go('/traces', { q: query(row) })}
      empty={t('service.noDependencies')}
      maxHeight={420}
    />
  );
}

type Caller = ServiceDetail['callers'][number];

export function Callers({ rows }: { rows: Caller[] }) {
  const { t } = useTranslation();
  const go = useGo();
  const columns: Column<Caller>[] = [
    {
      id: 'service',
      header: t('services.service'),
      width: 140,
      grow: true,
      sort: (row) => row.service,
      render: (row) => <ServiceName name={row.service} />,
    },
    numeric({ id: 'calls', header: t('middleware.count'), width: 90, value: (row) => row.calls, show: formatCount }),
    {
      id: 'errors',
      header: t('services.errors'),
      width: 80,
      align: 'end',
      sort: (row) => row.errors,
      render: (row) => <ErrorRate value={row.calls > 0 ? row.errors / row.calls : null} errors={row.errors} />,
    },
  ];
  return (
    <DataTable
      id="callers"
      label={t('service.callers')}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.service}
      sort={{ id: 'calls', desc: true }}
      onOpen={(row) => go(`/services/${encodeURIComponent(row.service)}`)}
      empty={t('service.noCallers')}
    />
  );
}

type Instance = ServiceDetail['service']['instances'][number];

export function Instances({ rows }: { rows: Instance[] }) {
  const { t } = useTranslation();
  const columns: Column<Instance>[] = [
    text({
      id: 'id',
      header: t('service.instance'),
      width: 200,
      grow: true,
      className: 'mono',
      value: (row) => row.id,
    }),
    {
      id: 'host',
      header: t('hosts.host'),
      width: 180,
      sort: (row) => row.host,
      render: (row) =>
        row.host && (
          <AppLink to={`/hosts/${encodeURIComponent(row.host)}`} className="link">
            {row.host}
          </AppLink>
        ),
    },
    {
      id: 'seen',
      header: t('hosts.seen'),
      width: 120,
      sort: (row) => row.last_seen,
      render: (row) => <TimeAgo time={row.last_seen} />,
    },
  ];
  return (
    <DataTable
      id="instances"
      label={t('service.instances')}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.id}
      empty={t('service.noInstances')}
    />
  );
}
