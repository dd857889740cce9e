// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { type Ledger, useLedger } from '@/api/ledger';
import { useStatus } from '@/api/status';
import { Page, Section, StatusBadge, useDark } from '@/components/blocks';
import { PageSkeleton } from '@/components/skeleton';
import { QueryView, Warnings } from '@/components/states';
import { ChartGrid, ChartPanel } from '@/features/chart/chart-panel';
import { SendData } from '@/features/onboarding/send-data';
import { useView } from '@/state/view';
import { paletteColor } from '@/theme/colors';
import c from './health.module.css';
import { BusTable, SourceTable } from './health-tables';
import { byMinute } from './ledger-math';
import { Processes } from './processes';
import { TotalCard } from './total-card';

const kinds = { ok: 'ok', degraded: 'warn', down: 'crit' } as const;
const signalKeys = { metrics: 'signal.metrics', traces: 'signal.traces', logs: 'signal.logs' } as const;

export function HealthPage() {
  const { range } = useView();
  const query = useLedger(range);
  return (
    <Page>
      <Components />
      <Processes />
      <QueryView query={query} skeleton={<PageSkeleton />}>
        {(data) => <LedgerView data={data} />}
      </QueryView>
    </Page>
  );
}

function Components() {
  const { t } = useTranslation();
  const { data } = useStatus();
  if (!data) return null;
  return (
    <Section title={t('health.components')}>
      <div className={c.components}>
        {data.components.map((component) => (
          <div key={component.name} className={c.component}>
            <StatusBadge kind={kinds[component.state]}>{t(`component.${component.state}`)}</StatusBadge>
            <b>{component.name}</b>
            <span className="dim truncate" title={component.message}>
              {component.message}
            </span>
          </div>
        ))}
      </div>
    </Section>
  );
}

function LedgerView({ data }: { data: Ledger }) {
  const { t } = useTranslation();
  const dark = useDark();
  const nothing = data.totals.every((total) => total.received === 0);
  if (nothing && data.rows.length === 0)
    return <SendData title={t('health.nothing')}>{t('empty.widenOrSend')}</SendData>;
  const crit = dark ? '#e5534b' : '#d64541';
  return (
    <>
      <Warnings warnings={data.warnings} />
      <Section title={t('health.ledger')} side={<span className="faint">{t('health.rule')}</span>} testId="ledger">
        <div className={c.totals}>
          {data.totals.map((total) => (
            <TotalCard key={total.signal} total={total} rows={data.rows} />
          ))}
        </div>
      </Section>
      <ChartGrid three>
        {data.totals.map(({ signal }) => {
          const series = byMinute(data.rows, signal);
          const title = t('health.perMinute', { signal: t(signalKeys[signal]) });
          return (
            <ChartPanel
              key={signal}
              title={title}
              label={title}
              unit="number"
              height={140}
              sync="health"
              time={series.time}
              series={[
                {
                  key: 'received',
                  label: t('health.received'),
                  color: dark ? '#5d6572' : '#a8afba',
                  values: series.received,
                },
                { key: 'stored', label: t('health.stored'), color: paletteColor(0, dark), values: series.stored },
                { key: 'lost', label: t('health.refused'), color: crit, values: series.lost },
              ]}
            />
          );
        })}
      </ChartGrid>
      <Section title={t('health.bus')} testId="bus">
        <BusTable rows={data.bus} />
      </Section>
      <Section title={t('health.sources')}>
        <SourceTable rows={data.rows} />
      </Section>
    </>
  );
}
