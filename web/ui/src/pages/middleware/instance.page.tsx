// SPDX-License-Identifier: Apache-2.0
import { useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type MiddlewareInstance, type Pack, useMiddleware, usePack } from '@/api/middleware';
import { Page, Section, Stat, Stats, TimeAgo } from '@/components/blocks';
import { CodeBlock } from '@/components/copy';
import { text } from '@/components/data-table/cells';
import { DataTable } from '@/components/data-table/data-table';
import { PageSkeleton } from '@/components/skeleton';
import { Empty, ErrorState, QueryView, Warnings } from '@/components/states';
import { DashboardCharts } from '@/features/dashboard/dashboard-charts';
import { StateBadge } from '@/features/tables/middleware-state';
import { formatUnit } from '@/lib/format';
import { AppLink } from '@/state/navigation';
import { useView } from '@/state/view';
import c from './middleware.module.css';

export function InstancePage() {
  const { kind, instance } = useParams({ strict: false }) as { kind: string; instance: string };
  const { t } = useTranslation();
  const { range } = useView();
  const query = useMiddleware(range);
  const pack = usePack(kind);
  return (
    <Page>
      {pack.error ? (
        <ErrorState error={pack.error} onRetry={() => pack.refetch()} />
      ) : (
        <QueryView query={query} skeleton={<PageSkeleton />}>
          {(data) => {
            const found = data.instances.find((row) => row.kind === kind && row.instance === instance);
            return (
              <>
                <Warnings warnings={data.warnings} />
                {found ? (
                  <Head row={found} />
                ) : (
                  <Empty title={t('instance.unknown', { instance })}>{t('instance.unknownDetail')}</Empty>
                )}
                {pack.data && <Charts pack={pack.data} instance={instance} />}
              </>
            );
          }}
        </QueryView>
      )}
    </Page>
  );
}

function Head({ row }: { row: MiddlewareInstance }) {
  const { t } = useTranslation();
  return (
    <>
      <div className={c.head}>
        <div>
          <div className={c.title}>
            {row.instance}
            <StateBadge state={row.state} />
          </div>
          <div className="dim">
            {[row.title, row.version].filter(Boolean).join(' ')}
            {' · '}
            <AppLink to={`/hosts/${encodeURIComponent(row.host)}`} className="link">
              {row.host}
            </AppLink>
            {row.since && (
              <>
                {' · '}
                <TimeAgo time={row.since} />
              </>
            )}
          </div>
        </div>
        <Stats>
          {row.figures.map((figure) => (
            <Stat key={figure.title} label={figure.title}>
              {formatUnit(figure.value, figure.unit)}
            </Stat>
          ))}
        </Stats>
      </div>
      {row.state === 'down' && row.error && <Warnings warnings={[row.error]} />}
      {row.missing.length > 0 && <CollectMore missing={row.missing} />}
      {row.missing.length === 0 && row.missing_count > 0 && (
        <Warnings kind="info" warnings={[t('instance.askAgent', { count: row.missing_count })]} />
      )}
    </>
  );
}

function CollectMore({ missing }: { missing: MiddlewareInstance['missing'] }) {
  const { t } = useTranslation();
  return (
    <Section title={t('instance.collectMore')} testId="collect-more">
      <div className={c.missing}>
        {missing.map((item) => (
          <div key={item.what}>
            <b>{item.what}</b>
            <span className={`${c.why} dim`}>{item.why}</span>
            <CodeBlock text={item.how} />
          </div>
        ))}
      </div>
    </Section>
  );
}

function Charts({ pack, instance }: { pack: Pack; instance: string }) {
  const { t } = useTranslation();
  return (
    <>
      <DashboardCharts dashboard={pack.dashboard} values={{ instance }} />
      <Section title={t('instance.metrics')}>
        <DataTable
          id="pack-metrics"
          label={t('instance.metrics')}
          columns={[
            text<Pack['metrics'][number]>({
              id: 'name',
              header: t('instance.metric'),
              width: 220,
              grow: true,
              className: 'mono',
              value: (row) => row.name,
            }),
            text<Pack['metrics'][number]>({
              id: 'unit',
              header: t('instance.unit'),
              width: 120,
              value: (row) => row.unit,
            }),
            text<Pack['metrics'][number]>({
              id: 'description',
              header: t('instance.description'),
              width: 460,
              minPage: 700,
              value: (row) => row.description,
            }),
          ]}
          rows={pack.metrics}
          rowKey={(row) => row.name}
          maxHeight={420}
        />
      </Section>
    </>
  );
}
