// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { type Rollup, useRollups } from '@/api/rollups';
import { Page, StatusBadge, TimeAgo, Toolbar } from '@/components/blocks';
import { text } from '@/components/data-table/cells';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { FilterBox } from '@/components/filter-box';
import { RowsSkeleton } from '@/components/skeleton';
import { Empty, QueryView, Warnings } from '@/components/states';
import { AppLink, useGo, usePatchSearch, useSearchParams } from '@/state/navigation';
import { decodeSort } from '@/state/url';
import { measureText, secondsOf } from './measures';

function NewButton() {
  const { t } = useTranslation();
  return (
    <Button component={AppLink} to="/rollups/new" leftSection={<IconPlus size={14} />}>
      {t('rollups.new')}
    </Button>
  );
}

export function RollupState({ paused }: { paused: boolean }) {
  const { t } = useTranslation();
  return (
    <StatusBadge kind={paused ? 'unknown' : 'ok'}>{paused ? t('rollups.paused') : t('rollups.counting')}</StatusBadge>
  );
}

function columnsOf(t: TFunction): Column<Rollup>[] {
  const cut = (value: string, className = 'dim') => (
    <span className={`truncate ${className}`} title={value}>
      {value}
    </span>
  );
  return [
    {
      id: 'name',
      header: t('rollups.name'),
      width: 140,
      sort: (row) => row.name,
      render: (row) => (
        <AppLink to={`/rollups/${encodeURIComponent(row.id)}`} className="link">
          <b>{row.name}</b>
        </AppLink>
      ),
    },
    text({
      id: 'source',
      header: t('rollups.source'),
      width: 76,
      minPage: 700,
      value: (row) => t(`rollups.of.${row.definition.source}`),
    }),
    {
      id: 'filter',
      header: t('rollups.filter'),
      width: 130,
      grow: true,
      minPage: 1000,
      sort: (row) => row.definition.filter,
      render: (row) =>
        row.definition.filter ? (
          cut(row.definition.filter, 'mono')
        ) : (
          <span className="faint">{t('rollups.everything')}</span>
        ),
    },
    {
      id: 'dimensions',
      header: t('rollups.dimensions'),
      width: 150,
      grow: true,
      minPage: 560,
      render: (row) => cut((row.definition.dimensions ?? []).join(', ')),
    },
    {
      id: 'measures',
      header: t('rollups.measures'),
      width: 150,
      grow: true,
      minPage: 820,
      render: (row) => cut(row.definition.measures.map(measureText).join(', ')),
    },
    {
      id: 'step',
      header: t('rollups.step'),
      width: 60,
      align: 'end',
      minPage: 820,
      sort: (row) => secondsOf(row.definition.step),
      render: (row) => row.definition.step,
    },
    {
      id: 'retention',
      header: t('rollups.retention'),
      width: 74,
      align: 'end',
      minPage: 820,
      sort: (row) => secondsOf(row.definition.retention),
      render: (row) => row.definition.retention,
    },
    {
      id: 'state',
      header: t('rollups.state'),
      width: 116,
      sort: (row) => Number(row.paused),
      render: (row) => <RollupState paused={row.paused} />,
    },
    {
      id: 'since',
      header: t('rollups.since'),
      width: 100,
      minPage: 480,
      sort: (row) => row.created_at,
      render: (row) => <TimeAgo time={row.created_at} />,
    },
  ];
}

export function RollupsPage() {
  const { t } = useTranslation();
  const query = useRollups();
  const { filter = '', sort } = useSearchParams();
  const patch = usePatchSearch();
  const go = useGo();
  const wanted = filter.toLowerCase();
  return (
    <Page>
      <QueryView query={query} skeleton={<RowsSkeleton />}>
        {(data) =>
          data.rollups.length === 0 ? (
            <Empty title={t('rollups.none')} body={<NewButton />}>
              {t('rollups.noneDetail')}
            </Empty>
          ) : (
            <>
              <Toolbar>
                <FilterBox label={t('rollups.filterList')} />
                <span className="faint">{t('rollups.count', { count: data.rollups.length })}</span>
                <span style={{ marginLeft: 'auto' }}>
                  <NewButton />
                </span>
              </Toolbar>
              <Warnings warnings={data.warnings} />
              <DataTable
                id="rollups"
                label={t('nav.rollups')}
                columns={columnsOf(t)}
                rows={data.rollups.filter((row) => row.name.toLowerCase().includes(wanted))}
                rowKey={(row) => row.id}
                sort={decodeSort(sort, 'name')}
                onSort={(value) => patch({ sort: value === 'name' ? undefined : value })}
                onOpen={(row) => go(`/rollups/${encodeURIComponent(row.id)}`)}
                empty={t('common.noMatch')}
                rowHeight={36}
                keyboard
              />
            </>
          )
        }
      </QueryView>
    </Page>
  );
}
