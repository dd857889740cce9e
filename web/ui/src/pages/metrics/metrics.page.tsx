// SPDX-License-Identifier: Apache-2.0
import { Button, SegmentedControl, Select } from '@mantine/core';
import { IconPlayerPlay, IconPlus } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { autoStep, useMetricNames } from '@/api/metrics';
import { Page, Toolbar } from '@/components/blocks';
import { Empty } from '@/components/states';
import { SendData } from '@/features/onboarding/send-data';
import { promqlExtensions } from '@/features/query-editor/promql';
import { formatSeconds } from '@/lib/format';
import { seriesName } from '@/lib/labels';
import { usePatchSearch, useSearchParams } from '@/state/navigation';
import { decodeList, encodeList } from '@/state/url';
import { useView } from '@/state/view';
import { GraphTab } from './graph-tab';
import { QueryRow } from './query-row';
import { TableTab } from './table-tab';

const steps = [1, 5, 15, 30, 60, 300, 900, 3600, 86400];

export function MetricsPage() {
  const { t } = useTranslation();
  const { range } = useView();
  const { q, tab, step: stepText, kind } = useSearchParams();
  const patch = usePatchSearch();
  const queries = useMemo(() => decodeList(q), [q]);
  const [drafts, setDrafts] = useState(queries.length > 0 ? queries : ['']);
  useEffect(() => setDrafts(decodeList(q).length > 0 ? decodeList(q) : ['']), [q]);
  const extensions = useMemo(() => promqlExtensions(), []);
  const names = useMetricNames();
  const step = Number(stepText) || autoStep(range);
  const table = tab === 'table';
  const run = (next = drafts) =>
    patch({ q: encodeList(next.map((text) => text.trim()).filter(Boolean)) }, { push: true });
  const change = (index: number, text: string) => setDrafts(drafts.map((old, i) => (i === index ? text : old)));
  const start = (name: string) => {
    const selector = seriesName({ __name__: name });
    run([name.endsWith('_total') ? `sum(rate(${selector}[5m]))` : selector]);
  };
  if (names.data?.length === 0) {
    return (
      <Page>
        <SendData title={t('metrics.none')} />
      </Page>
    );
  }
  return (
    <Page>
      <div style={{ display: 'grid', gap: 8 }}>
        {drafts.map((text, i) => (
          <QueryRow
            key={i}
            index={i}
            value={text}
            extensions={extensions}
            onChange={(value) => change(i, value)}
            onSubmit={() => run()}
            onRemove={drafts.length > 1 ? () => run(drafts.filter((_, at) => at !== i)) : undefined}
          />
        ))}
        <Toolbar>
          <Button leftSection={<IconPlayerPlay size={14} />} onClick={() => run()}>
            {t('metrics.run')}
          </Button>
          <Button variant="default" leftSection={<IconPlus size={14} />} onClick={() => setDrafts([...drafts, ''])}>
            {t('metrics.add')}
          </Button>
          <SegmentedControl
            aria-label={t('metrics.view')}
            value={table ? 'table' : 'graph'}
            onChange={(value) => patch({ tab: value === 'table' ? 'table' : undefined })}
            data={[
              { value: 'graph', label: t('metrics.graph') },
              { value: 'table', label: t('metrics.table') },
            ]}
          />
          {!table && (
            <>
              <SegmentedControl
                aria-label={t('metrics.drawAs')}
                value={kind === 'stack' ? 'stack' : 'line'}
                onChange={(value) => patch({ kind: value === 'stack' ? value : undefined })}
                data={[
                  { value: 'line', label: t('metrics.lines') },
                  { value: 'stack', label: t('metrics.stacked') },
                ]}
              />
              <Select
                aria-label={t('metrics.step')}
                w={150}
                value={stepText ?? ''}
                onChange={(value) => patch({ step: value || undefined })}
                data={[
                  { value: '', label: t('metrics.stepAuto', { step: formatSeconds(autoStep(range)) }) },
                  ...steps.map((s) => ({ value: String(s), label: formatSeconds(s) })),
                ]}
              />
            </>
          )}
        </Toolbar>
      </div>
      {queries.length === 0 && (
        <Empty title={t('metrics.start')} body={<Examples names={names.data ?? []} onPick={start} />}>
          {t('metrics.startDetail')}
        </Empty>
      )}
      {queries.length > 0 &&
        (table ? (
          <TableTab queries={queries} />
        ) : (
          <GraphTab queries={queries} step={step} stacked={kind === 'stack'} />
        ))}
    </Page>
  );
}

function Examples({ names, onPick }: { names: string[]; onPick: (name: string) => void }) {
  return (
    <Toolbar>
      {names.slice(0, 18).map((name) => (
        <Button key={name} variant="default" size="compact-xs" className="mono" fw={400} onClick={() => onPick(name)}>
          {name}
        </Button>
      ))}
    </Toolbar>
  );
}
