// SPDX-License-Identifier: Apache-2.0
import { Button, SegmentedControl } from '@mantine/core';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type TraceRow, useTraceFacets, useTraces } from '@/api/traces';
import { Page } from '@/components/blocks';
import { DataTable } from '@/components/data-table/data-table';
import { RowsSkeleton } from '@/components/skeleton';
import { Empty, QueryView, Warnings } from '@/components/states';
import { Scatter } from '@/features/chart/scatter';
import { SendData } from '@/features/onboarding/send-data';
import { Facets } from '@/features/search-bar/facets';
import { SearchBar } from '@/features/search-bar/search-bar';
import { formatDuration } from '@/lib/format';
import { withEnvironment } from '@/lib/query';
import { useGo, usePatchSearch, useSearchParams } from '@/state/navigation';
import { useView } from '@/state/view';
import { traceColumns } from './trace-columns';
import c from './traces.module.css';

export function TracesPage() {
  const { t } = useTranslation();
  const { range, env, zone } = useView();
  const { q = '', sort } = useSearchParams();
  const patch = usePatchSearch();
  const go = useGo();
  const order = sort === 'slowest' ? 'slowest' : 'newest';
  const sent = withEnvironment(q, env);
  const query = useTraces(sent, range, order);
  const facets = useTraceFacets(sent, range);
  const setQuery = (next: string) => patch({ q: next }, { push: true });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.traces) ?? [], [query.data]);
  const durations = useMemo(() => rows.map((row) => row.duration_ns).filter((ns) => ns > 0), [rows]);
  const fastest = durations.reduce((min, ns) => Math.min(min, ns), Number.POSITIVE_INFINITY);
  const slowest = durations.reduce((max, ns) => Math.max(max, ns), 0);
  const dots = useMemo(() => rows.map(toDot), [rows]);
  const open = (id: string) => go(`/traces/${id}`);
  return (
    <Page fill>
      <div className={c.searchRow}>
        <SearchBar signal="traces" value={q} onSubmit={setQuery} placeholder={t('traces.placeholder')} />
        <SegmentedControl
          aria-label={t('traces.order')}
          value={order}
          onChange={(value) => patch({ sort: value === 'slowest' ? value : undefined })}
          data={[
            { value: 'newest', label: t('traces.newest') },
            { value: 'slowest', label: t('traces.slowest') },
          ]}
        />
      </div>
      <div className={c.body}>
        <Facets data={facets.data} query={q} onQuery={setQuery} />
        <div className={c.results}>
          <QueryView query={query} skeleton={<RowsSkeleton rows={16} />}>
            {(data) => (
              <>
                <div className={c.warnings}>
                  <Warnings warnings={data.pages[0]?.warnings} />
                </div>
                {rows.length === 0 && q === '' && <SendData title={t('traces.none')}>{t('empty.widen')}</SendData>}
                {rows.length === 0 && q !== '' && <Empty title={t('traces.noMatch')}>{t('empty.noMatch')}</Empty>}
                {rows.length > 0 && (
                  <>
                    <div className={c.scatter}>
                      <Scatter
                        dots={dots}
                        height={150}
                        label={t('traces.scatter')}
                        format={formatDuration}
                        partial={query.hasNextPage && order === 'newest'}
                        onOpen={open}
                      />
                    </div>
                    <DataTable
                      id="traces"
                      label={t('nav.traces')}
                      columns={traceColumns(t, zone, fastest, slowest)}
                      rows={rows}
                      rowKey={(row) => row.trace_id}
                      onOpen={(row) => open(row.trace_id)}
                      fill
                      keyboard
                      rowHeight={34}
                      onEnd={() => {
                        if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
                      }}
                      footer={
                        query.hasNextPage && (
                          <div className={c.more}>
                            <Button
                              variant="default"
                              loading={query.isFetchingNextPage}
                              onClick={() => query.fetchNextPage()}
                            >
                              {t('common.loadMore')}
                            </Button>
                          </div>
                        )
                      }
                    />
                  </>
                )}
              </>
            )}
          </QueryView>
        </div>
      </div>
    </Page>
  );
}

function toDot(row: TraceRow) {
  return {
    id: row.trace_id,
    time: Date.parse(row.start) / 1000,
    value: row.duration_ns,
    bad: row.error_count > 0,
    label: `${row.root_service} ${row.root_name}`,
  };
}
