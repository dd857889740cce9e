// SPDX-License-Identifier: Apache-2.0
import { Button, SegmentedControl } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { AlertState, Rule, RuleGroup } from '@/api/alerts';
import { Section, StatusBadge, TimeAgo, Toolbar } from '@/components/blocks';
import { CodeBlock } from '@/components/copy';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { Empty } from '@/components/states';
import { formatSeconds } from '@/lib/format';
import { useGo, usePatchSearch, useSearchParams } from '@/state/navigation';
import { encodeList } from '@/state/url';
import { stateKind } from './active-alerts';
import { exampleGroup } from './example-group';

const states = ['all', 'firing', 'pending', 'inactive'] as const;

export function RuleList({ groups }: { groups: RuleGroup[] }) {
  const { t } = useTranslation();
  const { state = 'all', rule: wanted } = useSearchParams();
  const patch = usePatchSearch();
  if (groups.length === 0) {
    return (
      <Empty title={t('alerts.noRules')} body={<CodeBlock text={exampleGroup} />}>
        {t('alerts.noRulesDetail')}
      </Empty>
    );
  }
  const all = groups.flatMap((group) => group.rules);
  const count = (wanted: AlertState) => all.filter((rule) => rule.state === wanted).length;
  const shown = groups
    .map((group) => ({
      group,
      rules: group.rules.filter(
        (rule) => (state === 'all' || rule.state === state) && (!wanted || rule.name === wanted),
      ),
    }))
    .filter(({ rules }) => rules.length > 0);
  return (
    <>
      <Toolbar>
        <SegmentedControl
          aria-label={t('alerts.state')}
          value={state}
          onChange={(value) => patch({ state: value === 'all' ? undefined : value })}
          data={states.map((value) => ({
            value,
            label: value === 'all' ? t('alerts.all', { n: all.length }) : `${t(`alerts.${value}`)} ${count(value)}`,
          }))}
        />
        {wanted && (
          <Button variant="default" rightSection={<IconX size={14} />} onClick={() => patch({ rule: undefined })}>
            {t('alerts.onlyRule', { name: wanted })}
          </Button>
        )}
      </Toolbar>
      {shown.length === 0 && <Empty title={t('common.noMatch')} />}
      {shown.map(({ group, rules }) => (
        <Section
          key={`${group.file} ${group.name}`}
          title={group.name}
          side={
            <>
              <span className="faint truncate">{group.file}</span>
              <span>{t('alerts.every', { interval: formatSeconds(group.interval) })}</span>
            </>
          }
        >
          <RuleTable rules={rules} />
        </Section>
      ))}
    </>
  );
}

function RuleTable({ rules }: { rules: Rule[] }) {
  const { t } = useTranslation();
  const go = useGo();
  const columns: Column<Rule>[] = [
    {
      id: 'state',
      header: t('alerts.state'),
      width: 112,
      render: (rule) =>
        rule.health === 'err' ? (
          <StatusBadge kind="crit">{t('alerts.broken')}</StatusBadge>
        ) : rule.state ? (
          <StatusBadge kind={stateKind[rule.state]}>{t(`alerts.${rule.state}`)}</StatusBadge>
        ) : (
          <StatusBadge kind="plain">{t('alerts.recording')}</StatusBadge>
        ),
    },
    {
      id: 'name',
      header: t('alerts.name'),
      width: 180,
      sort: (rule) => rule.name,
      render: (rule) => <b>{rule.name}</b>,
    },
    {
      id: 'query',
      header: t('alerts.query'),
      width: 200,
      grow: true,
      render: (rule) => (
        <span className={rule.lastError ? 'mono crit' : 'mono dim'} title={rule.lastError || rule.query}>
          {rule.lastError || rule.query}
        </span>
      ),
    },
    {
      id: 'for',
      header: t('alerts.for'),
      width: 70,
      minPage: 900,
      render: (rule) => (rule.type === 'alerting' ? formatSeconds(rule.duration) : ''),
    },
    {
      id: 'active',
      header: t('alerts.active'),
      width: 64,
      align: 'end',
      minPage: 700,
      render: (rule) => rule.alerts?.length ?? '',
    },
    {
      id: 'took',
      header: t('alerts.took'),
      width: 80,
      align: 'end',
      minPage: 1000,
      render: (rule) => formatSeconds(rule.evaluationTime),
    },
    {
      id: 'last',
      header: t('alerts.evaluated'),
      width: 110,
      minPage: 900,
      render: (rule) => <TimeAgo time={rule.lastEvaluation} />,
    },
  ];
  return (
    <DataTable
      id="rules"
      label={t('alerts.tab.rules')}
      columns={columns}
      rows={rules}
      rowKey={(rule) => `${rule.name} ${rule.query} ${JSON.stringify(rule.labels ?? {})}`}
      onOpen={(rule) => go('/explore', { q: encodeList([rule.query]) })}
    />
  );
}
