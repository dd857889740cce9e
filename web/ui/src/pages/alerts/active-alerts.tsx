// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { Alert, AlertState } from '@/api/alerts';
import { type Kind, StatusBadge, TimeAgo } from '@/components/blocks';
import { CodeBlock } from '@/components/copy';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { Empty } from '@/components/states';
import { formatNumber, parseSample } from '@/lib/format';
import { usePatchSearch, useSearchParams } from '@/state/navigation';
import { AlertDetail } from './alert-detail';
import { exampleGroup } from './example-group';

export const stateKind: Record<AlertState, Kind> = { firing: 'crit', pending: 'warn', inactive: 'ok' };

const order: Record<AlertState, number> = { firing: 0, pending: 1, inactive: 2 };
const keyOf = (alert: Alert) => JSON.stringify(alert.labels);

export function ActiveAlerts({ alerts, hasRules }: { alerts: Alert[]; hasRules: boolean }) {
  const { t } = useTranslation();
  const { alert: openKey } = useSearchParams();
  const patch = usePatchSearch();
  if (alerts.length === 0) {
    return hasRules ? (
      <Empty title={t('alerts.quiet')}>{t('alerts.quietDetail')}</Empty>
    ) : (
      <Empty title={t('alerts.noRules')} body={<CodeBlock text={exampleGroup} />}>
        {t('alerts.noRulesDetail')}
      </Empty>
    );
  }
  const columns: Column<Alert>[] = [
    {
      id: 'state',
      header: t('alerts.state'),
      width: 108,
      sort: (row) => order[row.state],
      render: (row) => <StatusBadge kind={stateKind[row.state]}>{t(`alerts.${row.state}`)}</StatusBadge>,
    },
    {
      id: 'name',
      header: t('alerts.name'),
      width: 160,
      sort: (row) => row.labels.alertname,
      render: (row) => <b>{row.labels.alertname}</b>,
    },
    {
      id: 'severity',
      header: t('alerts.severity'),
      width: 90,
      minPage: 700,
      sort: (row) => row.labels.severity,
      render: (row) => row.labels.severity,
    },
    {
      id: 'about',
      header: t('alerts.about'),
      width: 180,
      grow: true,
      render: (row) => (
        <span className="dim">{row.annotations.summary ?? row.annotations.description ?? labelText(row)}</span>
      ),
    },
    {
      id: 'value',
      header: t('alerts.value'),
      width: 90,
      align: 'end',
      minPage: 900,
      render: (row) => formatNumber(parseSample(row.value)),
    },
    {
      id: 'since',
      header: t('alerts.since'),
      width: 110,
      sort: (row) => row.activeAt,
      render: (row) => <TimeAgo time={row.activeAt} />,
    },
  ];
  const opened = alerts.find((alert) => keyOf(alert) === openKey);
  return (
    <>
      <DataTable
        id="alerts"
        label={t('alerts.tab.active')}
        columns={columns}
        rows={alerts}
        rowKey={keyOf}
        sort={{ id: 'state', desc: false }}
        selected={openKey}
        onOpen={(row) => patch({ alert: keyOf(row) === openKey ? undefined : keyOf(row) })}
        keyboard
      />
      {opened && <AlertDetail alert={opened} />}
    </>
  );
}

function labelText(alert: Alert): string {
  return Object.entries(alert.labels)
    .filter(([key]) => key !== 'alertname' && key !== 'severity')
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
