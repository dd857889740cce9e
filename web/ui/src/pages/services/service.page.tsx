// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { IconFileText, IconTimeline } from '@tabler/icons-react';
import { useParams } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type ServiceDetail, useService } from '@/api/services';
import { ErrorRate, Page, Section, ServiceName, Stat, Stats, Toolbar } from '@/components/blocks';
import { PageSkeleton } from '@/components/skeleton';
import { QueryView, Warnings } from '@/components/states';
import { BuiltInCharts } from '@/features/dashboard/dashboard-charts';
import { formatDuration, formatRate } from '@/lib/format';
import { term } from '@/lib/query';
import { AppLink } from '@/state/navigation';
import { useView } from '@/state/view';
import { Callers, Dependencies, Instances, Operations } from './service-tables';
import c from './services.module.css';

export function ServicePage() {
  const { name } = useParams({ strict: false }) as { name: string };
  const { range, env } = useView();
  const query = useService(name, range, env);
  return (
    <Page>
      <QueryView query={query} skeleton={<PageSkeleton />}>
        {(data) => <Detail data={data} name={name} />}
      </QueryView>
    </Page>
  );
}

function Detail({ data, name }: { data: ServiceDetail; name: string }) {
  const { t } = useTranslation();
  const { service } = data;
  const own = term('service', name);
  const totals = useTotals(data);
  return (
    <>
      <div className={c.head}>
        <div>
          <div className={c.title}>
            <ServiceName name={service.name} />
          </div>
          <div className="dim">
            {[service.environment, service.language, service.resource['service.version']].filter(Boolean).join(' · ')}
          </div>
        </div>
        <Stats>
          <Stat label={t('services.rate')}>{formatRate(totals.rate)}</Stat>
          <Stat label={t('services.errors')}>
            <AppLink to="/traces" search={{ q: `${own} error:true` }}>
              <ErrorRate value={totals.errorRate} />
            </AppLink>
          </Stat>
          <Stat label="p95">
            <AppLink to="/traces" search={{ q: own, sort: 'slowest' }}>
              {formatDuration(totals.p95)}
            </AppLink>
          </Stat>
        </Stats>
        <Toolbar>
          <Button
            variant="default"
            component={AppLink}
            to="/traces"
            search={{ q: own }}
            leftSection={<IconTimeline size={14} />}
          >
            {t('nav.traces')}
          </Button>
          <Button
            variant="default"
            component={AppLink}
            to="/logs"
            search={{ q: own }}
            leftSection={<IconFileText size={14} />}
          >
            {t('nav.logs')}
          </Button>
        </Toolbar>
      </div>
      <Warnings warnings={data.warnings} />
      <BuiltInCharts name="service" values={{ service: name }} />
      <Section title={t('service.operations')} testId="operations">
        <Operations rows={data.operations} service={name} />
      </Section>
      <div className={c.two}>
        <Section title={t('service.dependencies')}>
          <Dependencies rows={data.dependencies} service={name} />
        </Section>
        <Section title={t('service.callers')}>
          <Callers rows={data.callers} />
        </Section>
      </div>
      <Section title={t('service.instances')}>
        <Instances rows={service.instances} />
      </Section>
    </>
  );
}

/** Over the whole range; the p95 shown is the median of the p95 points, since percentiles cannot be added up. */
function useTotals(data: ServiceDetail) {
  const { range } = useView();
  return useMemo(() => {
    const requests = data.series.requests.reduce((a, b) => a + b, 0);
    const errors = data.series.errors.reduce((a, b) => a + b, 0);
    const p95 = data.series.p95_ns.filter((value): value is number => value !== null).sort((a, b) => a - b);
    return {
      rate: requests / (range.end - range.start),
      errorRate: requests > 0 ? errors / requests : null,
      p95: p95[Math.floor(p95.length / 2)] ?? null,
    };
  }, [data, range]);
}
