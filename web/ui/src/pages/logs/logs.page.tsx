// SPDX-License-Identifier: Apache-2.0
import { Button, SegmentedControl } from '@mantine/core';
import { IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react';
import { useCallback, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useLogFacets, useLogHistogram, useLogs } from '@/api/logs';
import { Page, StatusBadge } from '@/components/blocks';
import { RowsSkeleton } from '@/components/skeleton';
import { ErrorNote, QueryView, Warnings } from '@/components/states';
import { type Density, LogList } from '@/features/log-table/log-list';
import { SendData } from '@/features/onboarding/send-data';
import { Facets } from '@/features/search-bar/facets';
import { SearchBar } from '@/features/search-bar/search-bar';
import { formatCount } from '@/lib/format';
import { addTerm, term, withEnvironment } from '@/lib/query';
import { usePatchSearch, useSearchParams } from '@/state/navigation';
import { useStored } from '@/state/storage';
import { useView } from '@/state/view';
import { LogHistogram } from './log-histogram';
import c from './logs.module.css';
import { useTail } from './use-tail';

const histogramBuckets = 80;

export function LogsPage() {
  const { t } = useTranslation();
  const { range, env } = useView();
  const { q = '', tail, order, row } = useSearchParams();
  const patch = usePatchSearch();
  const [density, setDensity] = useStored<Density>('log-density', 'compact');
  const live = tail === '1';
  const direction = order === 'asc' ? 'asc' : 'desc';
  const sent = withEnvironment(q, env);
  const query = useLogs(sent, range, direction, !live);
  const histogram = useLogHistogram(sent, range, histogramBuckets, !live);
  const facets = useLogFacets(sent, range);
  const following = useTail(sent, live);
  const setQuery = useCallback((next: string) => patch({ q: next, row: undefined }, { push: true }), [patch]);
  const filter = useCallback(
    (field: string, value: string, exclude: boolean) =>
      setQuery(addTerm(q, `${exclude ? '-' : ''}${term(field, value)}`)),
    [q, setQuery],
  );
  const open = useCallback((id: string | undefined) => patch({ row: id }), [patch]);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.logs) ?? [], [query.data]);
  const more = () => {
    if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
  };
  const list = { density, onFilter: filter, open: row, onOpen: open };
  return (
    <Page fill>
      <div className={c.searchRow}>
        <SearchBar signal="logs" value={q} onSubmit={setQuery} placeholder={t('logs.placeholder')} />
        <Button
          variant={live ? 'filled' : 'default'}
          leftSection={live ? <IconPlayerStop size={14} /> : <IconPlayerPlay size={14} />}
          onClick={() => patch({ tail: live ? undefined : '1', row: undefined })}
          aria-pressed={live}
        >
          {t('logs.tail')}
        </Button>
      </div>
      <div className={c.body}>
        <Facets data={facets.data} query={q} onQuery={setQuery} />
        <div className={c.results}>
          {!live && (
            <div className={c.histogram}>
              {histogram.error && !histogram.data ? (
                <ErrorNote error={histogram.error} />
              ) : (
                <LogHistogram data={histogram.data} />
              )}
            </div>
          )}
          <div className={c.bar}>
            {live ? (
              <>
                <StatusBadge kind={following.connected ? 'ok' : 'warn'}>
                  {following.connected ? t('logs.following') : t('logs.connecting')}
                </StatusBadge>
                <span className="dim">{t('logs.shown', { n: formatCount(following.rows.length) })}</span>
                {following.skipped > 0 && (
                  <span className="warn">{t('logs.skipped', { n: formatCount(following.skipped) })}</span>
                )}
              </>
            ) : (
              <span className="dim" data-testid="log-total">
                {t('logs.total', {
                  count: histogram.data?.total ?? 0,
                  n: formatCount(histogram.data?.total),
                  shown: formatCount(rows.length),
                })}
              </span>
            )}
            <span className={c.right}>
              {!live && (
                <SegmentedControl
                  aria-label={t('logs.order')}
                  value={direction}
                  onChange={(value) => patch({ order: value === 'asc' ? value : undefined })}
                  data={[
                    { value: 'desc', label: t('logs.newest') },
                    { value: 'asc', label: t('logs.oldest') },
                  ]}
                />
              )}
              <SegmentedControl
                aria-label={t('logs.density')}
                value={density}
                onChange={(value) => setDensity(value as Density)}
                data={[
                  { value: 'compact', label: t('logs.compact') },
                  { value: 'comfortable', label: t('logs.comfortable') },
                  { value: 'wrap', label: t('logs.wrap') },
                ]}
              />
            </span>
          </div>
          {live ? (
            <LogList rows={following.rows} empty={t('logs.waiting')} {...list} />
          ) : (
            <QueryView query={query} skeleton={<RowsSkeleton rows={24} height={14} />}>
              {(data) => (
                <>
                  <div className={c.warnings}>
                    <Warnings warnings={[...(data.pages[0]?.warnings ?? []), ...(histogram.data?.warnings ?? [])]} />
                  </div>
                  {rows.length === 0 && q === '' ? (
                    <SendData title={t('logs.none')}>{t('empty.widen')}</SendData>
                  ) : (
                    <LogList rows={rows} onEnd={more} empty={t('logs.noMatch')} {...list} />
                  )}
                </>
              )}
            </QueryView>
          )}
        </div>
      </div>
    </Page>
  );
}
