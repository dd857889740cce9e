// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { useHosts } from '@/api/hosts';
import { type Topology, useTopology } from '@/api/topology';
import { Page, Section, useDark } from '@/components/blocks';
import { DataTable } from '@/components/data-table/data-table';
import { RowsSkeleton } from '@/components/skeleton';
import { QueryView, Warnings } from '@/components/states';
import { SendData } from '@/features/onboarding/send-data';
import { hostColumns } from '@/features/tables/host-columns';
import { serviceColumns, serviceKey } from '@/features/tables/service-columns';
import { AppLink, useGo } from '@/state/navigation';
import { useView } from '@/state/view';
import { FiringAlerts } from './firing-alerts';
import { HealthStrip } from './health-strip';
import { Middleware } from './middleware';

const most = 10;

/** Trouble first, then traffic. */
function servicesOf(topology: Topology | undefined) {
  return (topology?.nodes ?? [])
    .flatMap((node) => (node.service ? [node.service] : []))
    .sort((a, b) => b.error_rate - a.error_rate || b.rate - a.rate);
}

export function OverviewPage() {
  const { t } = useTranslation();
  const { range, env } = useView();
  const go = useGo();
  const dark = useDark();
  const topology = useTopology(range, env);
  const hosts = useHosts(range);
  const busiest = servicesOf(topology.data);
  const nothing = topology.data !== undefined && busiest.length === 0 && hosts.data?.hosts.length === 0;
  return (
    <Page>
      <HealthStrip />
      <FiringAlerts />
      {nothing ? (
        <SendData title={t('overview.nothing')} />
      ) : (
        <>
          <Section
            title={t('overview.applications')}
            side={
              <AppLink to="/services" className="link">
                {t('overview.allServices', { count: busiest.length })}
              </AppLink>
            }
            testId="layer-applications"
          >
            <Warnings warnings={topology.data?.warnings} />
            <QueryView query={topology} skeleton={<RowsSkeleton rows={5} />}>
              {() => (
                <DataTable
                  id="overview-services"
                  label={t('overview.applications')}
                  columns={serviceColumns(t, dark)}
                  rows={busiest.slice(0, most)}
                  rowKey={serviceKey}
                  onOpen={(row) => go(`/services/${encodeURIComponent(row.name)}`)}
                  empty={t('services.none')}
                  keyboard
                />
              )}
            </QueryView>
          </Section>
          {topology.data && <Middleware topology={topology.data} />}
          <Section
            title={t('overview.infrastructure')}
            side={
              <AppLink to="/hosts" className="link">
                {t('overview.allHosts', { count: hosts.data?.hosts.length ?? 0 })}
              </AppLink>
            }
            testId="layer-infrastructure"
          >
            <Warnings warnings={hosts.data?.warnings} />
            <QueryView query={hosts} skeleton={<RowsSkeleton rows={3} />}>
              {(data) => (
                <DataTable
                  id="overview-hosts"
                  label={t('overview.infrastructure')}
                  columns={hostColumns(t, dark)}
                  rows={data.hosts.slice(0, most)}
                  rowKey={(row) => row.name}
                  sort={{ id: 'cpu', desc: true }}
                  onOpen={(row) => go(`/hosts/${encodeURIComponent(row.name)}`)}
                  empty={t('hosts.none')}
                />
              )}
            </QueryView>
          </Section>
        </>
      )}
    </Page>
  );
}
