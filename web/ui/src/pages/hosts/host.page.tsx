// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { IconFileText, IconTimeline } from '@tabler/icons-react';
import { useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type HostDetail, useHost } from '@/api/hosts';
import { KeyValues, Page, Section, ServiceName, Stat, Stats, StatusBadge, TimeAgo, Toolbar } from '@/components/blocks';
import { PageSkeleton } from '@/components/skeleton';
import { QueryView, Warnings } from '@/components/states';
import { BuiltInCharts } from '@/features/dashboard/dashboard-charts';
import { formatBytesRate, formatNumber, formatPercent } from '@/lib/format';
import { term } from '@/lib/query';
import { AppLink } from '@/state/navigation';
import { useView } from '@/state/view';
import { Filesystems, Processes } from './host-tables';
import c from './hosts.module.css';

export function HostPage() {
  const { name } = useParams({ strict: false }) as { name: string };
  const { range } = useView();
  const query = useHost(name, range);
  return (
    <Page>
      <QueryView query={query} skeleton={<PageSkeleton />}>
        {(data) => <Detail data={data} name={name} />}
      </QueryView>
    </Page>
  );
}

function Detail({ data, name }: { data: HostDetail; name: string }) {
  const { t } = useTranslation();
  const { host } = data;
  return (
    <>
      <div className={c.head}>
        <div>
          <div className={c.title}>
            {host.name}
            <StatusBadge kind={host.up ? 'ok' : 'crit'}>{host.up ? t('hosts.up') : t('hosts.down')}</StatusBadge>
          </div>
          <div className="dim">
            {[host.os, host.arch].filter(Boolean).join(' · ')} · <TimeAgo time={host.last_seen} />
          </div>
        </div>
        <Stats>
          <Stat label={t('hosts.cpu')}>
            <span data-testid="host-cpu">{formatPercent(host.cpu_utilization)}</span>
          </Stat>
          <Stat label={t('hosts.memory')}>{formatPercent(host.memory_utilization)}</Stat>
          <Stat label={t('hosts.disk')}>{formatPercent(host.disk_utilization)}</Stat>
          <Stat label={t('hosts.load')}>{formatNumber(host.load1)}</Stat>
          <Stat label={t('hosts.receive')}>{formatBytesRate(host.network_receive)}</Stat>
          <Stat label={t('hosts.transmit')}>{formatBytesRate(host.network_transmit)}</Stat>
        </Stats>
        <Toolbar>
          <Button
            variant="default"
            component={AppLink}
            to="/logs"
            search={{ q: term('host', name) }}
            leftSection={<IconFileText size={14} />}
          >
            {t('nav.logs')}
          </Button>
          <Button
            variant="default"
            component={AppLink}
            to="/traces"
            search={{ q: term('host', name) }}
            leftSection={<IconTimeline size={14} />}
          >
            {t('nav.traces')}
          </Button>
        </Toolbar>
      </div>
      <Warnings warnings={data.warnings} />
      <BuiltInCharts name="host" values={{ host: name }} />
      <div className={c.two}>
        <Section title={t('host.filesystems')}>
          <Filesystems rows={data.filesystems} />
        </Section>
        <Section title={t('host.topProcesses')}>
          <Processes rows={data.processes} />
        </Section>
      </div>
      <div className={c.two}>
        <Section title={t('host.services')}>
          {data.services.length === 0 && <span className="faint">{t('host.noServices')}</span>}
          <div className={c.services}>
            {data.services.map((service) => (
              <AppLink key={service} to={`/services/${encodeURIComponent(service)}`} className="link">
                <ServiceName name={service} />
              </AppLink>
            ))}
          </div>
        </Section>
        <Section title={t('host.attributes')}>
          <KeyValues values={data.attributes} />
        </Section>
      </div>
    </>
  );
}
