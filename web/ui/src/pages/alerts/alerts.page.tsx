// SPDX-License-Identifier: Apache-2.0
import { Tabs } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useAlerts, useRuleGroups } from '@/api/alerts';
import { guestTenant, useStatus } from '@/api/status';
import { Page } from '@/components/blocks';
import { RowsSkeleton } from '@/components/skeleton';
import { Empty, QueryView } from '@/components/states';
import { usePatchSearch, useSearchParams } from '@/state/navigation';
import { ActiveAlerts } from './active-alerts';
import { GroupsPanel } from './groups-panel';
import { Notifiers } from './notifiers';
import { RuleList } from './rule-list';

const tabs = ['active', 'rules', 'edit', 'notifiers'] as const;

export function AlertsPage() {
  const { t } = useTranslation();
  const { tab } = useSearchParams();
  const patch = usePatchSearch();
  const alerts = useAlerts();
  const groups = useRuleGroups();
  const tenant = guestTenant(useStatus().data);
  const active = tabs.find((name) => name === tab) ?? 'active';
  const count = { active: alerts.data?.length, rules: groups.data?.reduce((n, group) => n + group.rules.length, 0) };
  return (
    <Page>
      <Tabs value={active} onChange={(value) => patch({ tab: value === 'active' ? undefined : (value ?? undefined) })}>
        <Tabs.List>
          {tabs.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {t(`alerts.tab.${name}`)}{' '}
              {(name === 'active' || name === 'rules') && count[name] !== undefined && (
                <span className="faint">{count[name]}</span>
              )}
            </Tabs.Tab>
          ))}
        </Tabs.List>
      </Tabs>
      {tenant && active !== 'notifiers' && (
        <Empty title={t('alerts.foreign')}>{t('alerts.foreignDetail', { tenant })}</Empty>
      )}
      {!tenant && active === 'active' && (
        <QueryView query={alerts} skeleton={<RowsSkeleton />}>
          {(data) => <ActiveAlerts alerts={data} hasRules={(count.rules ?? 0) > 0} />}
        </QueryView>
      )}
      {!tenant && active === 'rules' && (
        <QueryView query={groups} skeleton={<RowsSkeleton />}>
          {(data) => <RuleList groups={data} />}
        </QueryView>
      )}
      {!tenant && active === 'edit' && <GroupsPanel />}
      {active === 'notifiers' && <Notifiers />}
    </Page>
  );
}
