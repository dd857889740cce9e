// SPDX-License-Identifier: Apache-2.0
import { Tabs } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Page } from '@/components/blocks';
import { usePatchSearch, useSearchParams } from '@/state/navigation';
import { AgentList } from './agent-list';
import { Rollouts } from './rollouts';

const tabs = ['list', 'rollouts'] as const;

export function AgentsPage() {
  const { t } = useTranslation();
  const { tab } = useSearchParams();
  const patch = usePatchSearch();
  const active = tabs.find((name) => name === tab) ?? 'list';
  return (
    <Page>
      <Tabs
        value={active}
        onChange={(value) => patch({ tab: value === 'list' ? undefined : (value ?? undefined), rollout: undefined })}
      >
        <Tabs.List>
          {tabs.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {t(`agents.tab.${name}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
      </Tabs>
      {active === 'list' ? <AgentList /> : <Rollouts />}
    </Page>
  );
}
