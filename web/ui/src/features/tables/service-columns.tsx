// SPDX-License-Identifier: Apache-2.0
import type { TFunction } from 'i18next';
import type { ServiceRow } from '@/api/services';
import { ErrorRate, ServiceName } from '@/components/blocks';
import { numeric, text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { Sparkline } from '@/components/sparkline';
import { formatDuration, formatRate } from '@/lib/format';
import { AppLink } from '@/state/navigation';
import { entityColor } from '@/theme/colors';

export const serviceKey = (row: ServiceRow) => `${row.name}\u0000${row.environment}`;

/** Columns of services, on the overview and on the page of their own. */
export function serviceColumns(t: TFunction, dark: boolean): Column<ServiceRow>[] {
  const crit = dark ? '#e5534b' : '#d64541';
  return [
    {
      id: 'name',
      header: t('services.service'),
      width: 100,
      grow: true,
      sort: (row) => row.name,
      render: (row) => (
        <AppLink to={`/services/${encodeURIComponent(row.name)}`} className="link">
          <ServiceName name={row.name} />
        </AppLink>
      ),
    },
    text({ id: 'env', header: t('services.env'), width: 110, minPage: 900, value: (row) => row.environment }),
    text({ id: 'language', header: t('services.language'), width: 90, minPage: 1200, value: (row) => row.language }),
    numeric({ id: 'rate', header: t('services.rate'), width: 92, value: (row) => row.rate, show: formatRate }),
    {
      id: 'rateline',
      header: t('services.requests'),
      width: 124,
      minPage: 700,
      render: (row) => (
        <Sparkline values={row.sparkline.rate} color={entityColor(row.name, dark)} label={t('services.requests')} />
      ),
    },
    {
      id: 'errors',
      header: t('services.errors'),
      width: 72,
      align: 'end',
      sort: (row) => row.error_rate,
      render: (row) => <ErrorRate value={row.error_rate} errors={row.errors} />,
    },
    {
      id: 'errorline',
      header: t('services.errorsOverTime'),
      width: 124,
      minPage: 1000,
      render: (row) => <Sparkline values={row.sparkline.errors} color={crit} label={t('services.errorsOverTime')} />,
    },
    numeric({ id: 'p50', header: 'p50', width: 84, minPage: 700, value: (row) => row.p50_ns, show: formatDuration }),
    numeric({ id: 'p95', header: 'p95', width: 80, value: (row) => row.p95_ns, show: formatDuration }),
    numeric({ id: 'p99', header: 'p99', width: 84, minPage: 700, value: (row) => row.p99_ns, show: formatDuration }),
  ];
}
