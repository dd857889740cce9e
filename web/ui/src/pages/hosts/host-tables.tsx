// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { HostDetail } from '@/api/hosts';
import { Meter } from '@/components/blocks';
import { numeric, text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { formatBytes, formatPercent } from '@/lib/format';

type Filesystem = HostDetail['filesystems'][number];
type Process = HostDetail['processes'][number];

export function Filesystems({ rows }: { rows: Filesystem[] }) {
  const { t } = useTranslation();
  const columns: Column<Filesystem>[] = [
    text({
      id: 'mountpoint',
      header: t('host.mountpoint'),
      width: 120,
      grow: true,
      className: 'mono',
      value: (row) => row.mountpoint,
    }),
    {
      id: 'device',
      header: t('host.device'),
      width: 130,
      minPage: 900,
      sort: (row) => row.device,
      render: (row) => <span className="dim">{`${row.device} ${row.type}`}</span>,
    },
    numeric({ id: 'used', header: t('host.used'), width: 84, value: (row) => row.used_bytes, show: formatBytes }),
    numeric({ id: 'free', header: t('host.free'), width: 84, value: (row) => row.free_bytes, show: formatBytes }),
    {
      id: 'use',
      header: t('host.use'),
      width: 130,
      align: 'end',
      sort: (row) => row.utilization,
      render: (row) => <Meter value={row.utilization} />,
    },
  ];
  return (
    <DataTable
      id="filesystems"
      label={t('host.filesystems')}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.device} ${row.mountpoint}`}
      sort={{ id: 'use', desc: true }}
      empty={t('host.noFilesystems')}
      maxHeight={360}
    />
  );
}

export function Processes({ rows }: { rows: Process[] }) {
  const { t } = useTranslation();
  const columns: Column<Process>[] = [
    text({
      id: 'name',
      header: t('host.process'),
      width: 140,
      grow: true,
      className: 'mono',
      value: (row) => row.name,
    }),
    { id: 'pid', header: 'PID', width: 84, align: 'end', sort: (row) => Number(row.pid), render: (row) => row.pid },
    numeric({ id: 'cpu', header: t('hosts.cpu'), width: 90, value: (row) => row.cpu, show: formatPercent }),
    numeric({
      id: 'memory',
      header: t('hosts.memory'),
      width: 100,
      value: (row) => row.memory_bytes,
      show: formatBytes,
    }),
  ];
  return (
    <DataTable
      id="processes"
      label={t('host.topProcesses')}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.pid} ${row.name}`}
      sort={{ id: 'cpu', desc: true }}
      empty={t('host.noProcesses')}
      maxHeight={360}
    />
  );
}
