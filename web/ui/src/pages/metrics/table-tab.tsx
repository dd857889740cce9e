// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { type InstantRow, useInstantQueries } from '@/api/metrics';
import { Section } from '@/components/blocks';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { RowsSkeleton } from '@/components/skeleton';
import { QueryView, Warnings } from '@/components/states';
import { formatTime } from '@/lib/time';
import { useView } from '@/state/view';
import { queryLetter } from './query-row';

export function TableTab({ queries }: { queries: string[] }) {
  const { t } = useTranslation();
  const { range, zone } = useView();
  const results = useInstantQueries(queries, range.end, true);
  return results.map((result, i) => (
    <Section
      key={i}
      title={<span className="mono">{`${queryLetter(i)}  ${queries[i] ?? ''}`}</span>}
      side={<span>{t('metrics.at', { time: formatTime(range.end, zone) })}</span>}
    >
      <QueryView query={result} skeleton={<RowsSkeleton rows={6} />}>
        {(data) => (
          <>
            <Warnings warnings={data.warnings} />
            <Warnings kind="info" warnings={data.infos} />
            <InstantTable rows={data.rows} />
          </>
        )}
      </QueryView>
    </Section>
  ));
}

function InstantTable({ rows }: { rows: InstantRow[] }) {
  const { t } = useTranslation();
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.labels)))].sort();
  const columns: Column<InstantRow>[] = [
    ...names.map(
      (name, i): Column<InstantRow> => ({
        id: name,
        header: name,
        width: name === '__name__' ? 240 : 150,
        grow: i === 0,
        sort: (row) => row.labels[name],
        render: (row) => <span className="mono">{row.labels[name]}</span>,
      }),
    ),
    {
      id: ' value',
      header: t('metrics.value'),
      width: 160,
      grow: names.length === 0,
      align: 'end',
      sort: (row) => row.value,
      render: (row) => <span className="mono">{row.text}</span>,
    },
  ];
  return (
    <DataTable
      id="instant"
      label={t('metrics.table')}
      columns={columns}
      rows={rows}
      rowKey={(row) => JSON.stringify(row.labels)}
      rowHeight={28}
      empty={t('metrics.noSeries')}
    />
  );
}
