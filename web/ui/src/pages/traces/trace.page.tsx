// SPDX-License-Identifier: Apache-2.0
import { SegmentedControl } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type LogRecord, useLogs } from '@/api/logs';
import { type TracePage as Answer, type Span, useTrace } from '@/api/traces';
import { Page } from '@/components/blocks';
import { PageSkeleton } from '@/components/skeleton';
import { ErrorNote, QueryView, Warnings } from '@/components/states';
import { LogList } from '@/features/log-table/log-list';
import { SpanDrawer } from '@/features/trace-timeline/span-drawer';
import { buildTree, findRows, findSpan } from '@/features/trace-timeline/tree';
import { Waterfall } from '@/features/trace-timeline/waterfall';
import { usePatchSearch, useSearchParams } from '@/state/navigation';
import { FindInTrace } from './find-in-trace';
import { TraceSummary } from './trace-summary';
import c from './traces.module.css';

export function TracePage() {
  const { traceId } = useParams({ strict: false }) as { traceId: string };
  const query = useTrace(traceId);
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = query;
  // The rest of a large trace comes in the background, page after page.
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  return (
    <Page fill>
      <QueryView
        query={{ data: query.data, error: query.data ? null : query.error, refetch: query.refetch }}
        skeleton={<PageSkeleton />}
      >
        {(data) => (
          <>
            {query.error && <ErrorNote error={query.error} />}
            <Trace key={traceId} pages={data.pages} complete={!hasNextPage} />
          </>
        )}
      </QueryView>
    </Page>
  );
}

/** The selected span is local first: holding j must not write a history entry per row. */
function useSelectedSpan(): [string | undefined, (id: string | undefined) => void] {
  const { span } = useSearchParams();
  const patch = usePatchSearch();
  const [selected, setSelected] = useState(span);
  useEffect(() => setSelected(span), [span]);
  useEffect(() => {
    if (selected === span) return;
    const timer = setTimeout(() => patch({ span: selected }), 200);
    return () => clearTimeout(timer);
  }, [selected, span, patch]);
  return [selected, setSelected];
}

function Trace({ pages, complete }: { pages: Answer[]; complete: boolean }) {
  const { t } = useTranslation();
  const { tab, find = '' } = useSearchParams();
  const patch = usePatchSearch();
  const [selected, setSelected] = useSelectedSpan();
  const first = pages[0] as Answer;
  const tree = useMemo(() => buildTree(pages.flatMap((page) => page.spans)), [pages]);
  const found = useMemo(() => findRows(tree, find), [tree, find]);
  const matched = useMemo(() => (find.trim() === '' ? null : new Set(found)), [found, find]);
  const [reveal, setReveal] = useState<{ row: number } | null>(() =>
    selected ? { row: findSpan(tree, selected) } : null,
  );
  const startMs = Date.parse(first.start);
  const range = useMemo(
    () => ({
      start: Math.floor(startMs / 1000) - 60,
      end: Math.ceil((startMs + first.duration_ns / 1e6) / 1000) + 300,
    }),
    [startMs, first.duration_ns],
  );
  const logs = useLogs(`trace:${first.trace_id}`, range, 'asc');
  const records = useMemo(() => logs.data?.pages.flatMap((page) => page.logs) ?? [], [logs.data]);
  const row = findSpan(tree, selected);
  const span = tree.spans[row];
  const page = row < 0 ? undefined : pageOf(pages, tree.source[row] ?? 0);
  const logsTab = tab === 'logs';
  const jump = (target: number) => {
    setReveal({ row: target });
    setSelected(tree.key[target]);
  };
  return (
    <>
      <TraceSummary answer={first} tree={tree} complete={complete} onError={jump} />
      <div className={c.note}>
        <Warnings warnings={pages.flatMap((p) => p.warnings)} />
      </div>
      <div className={c.tabs}>
        <SegmentedControl
          value={logsTab ? 'logs' : 'timeline'}
          onChange={(value) => patch({ tab: value === 'logs' ? 'logs' : undefined })}
          data={[
            { value: 'timeline', label: t('trace.timeline') },
            { value: 'logs', label: t('trace.logs', { n: records.length }) },
          ]}
        />
        {!logsTab && (
          <FindInTrace value={find} found={found} onChange={(text) => patch({ find: text })} onJump={jump} />
        )}
      </div>
      <div className={c.work}>
        {logsTab ? (
          <LogList
            rows={records}
            onEnd={() => logs.hasNextPage && void logs.fetchNextPage()}
            empty={t('trace.noLogs')}
            hideTrace
          />
        ) : (
          <>
            <Waterfall
              tree={tree}
              durationNs={first.duration_ns}
              complete={complete}
              selected={selected}
              onSelect={setSelected}
              matched={matched}
              reveal={reveal}
            />
            {span && page && (
              <SpanDrawer
                span={span}
                resource={page.resources[span.resource] ?? {}}
                scope={page.scopes[span.scope]}
                orphan={complete && tree.orphan[row] === 1}
                logs={logsOf(records, span, tree.key[row] !== span.id)}
                onClose={() => setSelected(undefined)}
              />
            )}
          </>
        )}
      </div>
    </>
  );
}

/** Log records name their span's id only; the two sides of a shared one are told apart by the service. */
const logsOf = (records: LogRecord[], span: Span, shared: boolean) =>
  records.filter((log) => log.span_id === span.id && (!shared || log.service === span.service));

/** Resources and scopes are numbered per page of the answer. */
function pageOf(pages: Answer[], source: number): Answer | undefined {
  let before = 0;
  for (const page of pages) {
    before += page.spans.length;
    if (source < before) return page;
  }
  return undefined;
}
