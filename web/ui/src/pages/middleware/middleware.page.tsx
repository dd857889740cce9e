// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { type MiddlewareInstance, useMiddleware } from '@/api/middleware';
import { Page, TimeAgo, Toolbar } from '@/components/blocks';
import { text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { FilterBox } from '@/components/filter-box';
import { RowsSkeleton } from '@/components/skeleton';
import { Empty, QueryView, Warnings } from '@/components/states';
import { instancePath, StateBadge, stateOrder } from '@/features/tables/middleware-state';
import { formatUnit, none } from '@/lib/format';
import { AppLink, useGo, usePatchSearch, useSearchParams } from '@/state/navigation';
import { decodeSort } from '@/state/url';
import { useView } from '@/state/view';
import c from './middleware.module.css';

export function MiddlewarePage() {
  const { t } = useTranslation();
  const { range } = useView();
  const { filter = '', sort } = useSearchParams();
  const patch = usePatchSearch();
  const go = useGo();
  const query = useMiddleware(range);
  const columns = useColumns();
  const wanted = filter.toLowerCase();
  const matches = (row: MiddlewareInstance) =>
    [row.title, row.kind, row.instance, row.host, row.version].some((value) => value.toLowerCase().includes(wanted));
  return (
    <Page>
      <QueryView query={query} skeleton={<RowsSkeleton rows={8} />}>
        {(data) =>
          data.instances.length === 0 ? (
            <>
              <Warnings warnings={data.warnings} />
              <Empty title={t('instance.none')}>{t('instance.noneDetail')}</Empty>
            </>
          ) : (
            <>
              <Toolbar>
                <FilterBox label={t('instance.filter')} />
                <span className="faint">{t('instance.count', { count: data.instances.length })}</span>
              </Toolbar>
              <Warnings warnings={data.warnings} />
              <DataTable
                id="middleware"
                label={t('nav.middleware')}
                columns={columns}
                rows={data.instances.filter(matches)}
                rowKey={(row) => `${row.kind} ${row.instance}`}
                sort={decodeSort(sort, 'state')}
                onSort={(value) => patch({ sort: value === 'state' ? undefined : value })}
                onOpen={(row) => go(instancePath(row.kind, row.instance))}
                empty={t('common.noMatch')}
                keyboard
                rowHeight={36}
              />
            </>
          )
        }
      </QueryView>
    </Page>
  );
}

function useColumns(): Column<MiddlewareInstance>[] {
  const { t } = useTranslation();
  return [
    {
      id: 'instance',
      header: t('instance.instance'),
      width: 120,
      grow: true,
      sort: (row) => row.instance,
      render: (row) => (
        <AppLink to={instancePath(row.kind, row.instance)} className="link">
          {row.instance}
        </AppLink>
      ),
    },
    text({ id: 'kind', header: t('instance.kind'), width: 110, value: (row) => row.title }),
    {
      id: 'state',
      header: t('hosts.state'),
      width: 124,
      sort: (row) => stateOrder.indexOf(row.state),
      render: (row) => <StateBadge state={row.state} />,
    },
    {
      id: 'since',
      header: t('instance.since'),
      width: 110,
      minPage: 1100,
      sort: (row) => row.since,
      render: (row) => (row.since ? <TimeAgo time={row.since} /> : <span className="faint">{none}</span>),
    },
    text({
      id: 'version',
      header: t('instance.version'),
      width: 170,
      minPage: 900,
      value: (row) => row.version || none,
    }),
    {
      id: 'figures',
      header: t('instance.figures'),
      width: 400,
      minPage: 760,
      render: (row) => (
        <span className={c.figures}>
          {row.figures.map((figure) => (
            <span key={figure.title}>
              <span className="faint">{figure.title}</span> {formatUnit(figure.value, figure.unit)}
            </span>
          ))}
        </span>
      ),
    },
    {
      id: 'missing',
      header: t('instance.missing'),
      width: 190,
      minPage: 1000,
      sort: (row) => row.missing_count,
      render: (row) => (
        <span className="dim truncate">
          {row.missing.map((item) => item.what).join(', ') || (row.missing_count > 0 ? row.missing_count : '')}
        </span>
      ),
    },
  ];
}
