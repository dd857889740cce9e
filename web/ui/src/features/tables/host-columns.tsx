// SPDX-License-Identifier: Apache-2.0
import type { TFunction } from 'i18next';
import type { Host } from '@/api/hosts';
import { Meter, StatusBadge, TimeAgo } from '@/components/blocks';
import type { Column } from '@/components/data-table/columns';
import { Sparkline } from '@/components/sparkline';
import { formatBytesRate, formatNumber } from '@/lib/format';
import { AppLink } from '@/state/navigation';
import { entityColor } from '@/theme/colors';

export function hostColumns(t: TFunction, dark: boolean): Column<Host>[] {
  const meter = (id: string, header: string, value: (row: Host) => number | null, minPage?: number): Column<Host> => ({
    id,
    header,
    width: 128,
    minPage,
    align: 'end',
    sort: value,
    render: (row) => <Meter value={value(row)} />,
  });
  const rate = (id: string, header: string, value: (row: Host) => number | null, minPage: number): Column<Host> => ({
    id,
    header,
    width: 104,
    minPage,
    align: 'end',
    sort: value,
    render: (row) => formatBytesRate(value(row)),
  });
  return [
    {
      id: 'name',
      header: t('hosts.host'),
      width: 104,
      grow: true,
      sort: (row) => row.name,
      render: (row) => (
        <AppLink to={`/hosts/${encodeURIComponent(row.name)}`} className="link">
          {row.name}
        </AppLink>
      ),
    },
    {
      id: 'state',
      header: t('hosts.state'),
      width: 96,
      sort: (row) => (row.up ? 1 : 0),
      render: (row) => (
        <StatusBadge kind={row.up ? 'ok' : 'crit'}>{row.up ? t('hosts.up') : t('hosts.down')}</StatusBadge>
      ),
    },
    meter('cpu', t('hosts.cpu'), (row) => row.cpu_utilization),
    {
      id: 'cpuline',
      header: t('hosts.cpuOverTime'),
      width: 120,
      minPage: 1240,
      render: (row) => (
        <Sparkline
          values={row.sparkline.cpu}
          max={1}
          color={entityColor(row.name, dark)}
          label={t('hosts.cpuOverTime')}
        />
      ),
    },
    meter('memory', t('hosts.memory'), (row) => row.memory_utilization),
    meter('disk', t('hosts.disk'), (row) => row.disk_utilization, 700),
    {
      id: 'load',
      header: t('hosts.load'),
      width: 72,
      minPage: 900,
      align: 'end',
      sort: (row) => row.load1,
      render: (row) => formatNumber(row.load1),
    },
    rate('rx', t('hosts.receive'), (row) => row.network_receive, 900),
    rate('tx', t('hosts.transmit'), (row) => row.network_transmit, 900),
    rate('read', t('hosts.read'), (row) => row.disk_read, 1300),
    rate('write', t('hosts.write'), (row) => row.disk_write, 1300),
    {
      id: 'seen',
      header: t('hosts.seen'),
      width: 110,
      minPage: 1100,
      sort: (row) => row.last_seen,
      render: (row) => <TimeAgo time={row.last_seen} />,
    },
  ];
}
