// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { type Alert, useAlerts } from '@/api/alerts';
import { Section, StatusBadge, TimeAgo } from '@/components/blocks';
import { AppLink } from '@/state/navigation';
import c from './overview.module.css';

const most = 6;

export function FiringAlerts() {
  const { t } = useTranslation();
  const alerts = (useAlerts().data ?? []).filter((alert) => alert.state === 'firing');
  if (alerts.length === 0) return null;
  return (
    <Section
      title={t('overview.firing', { count: alerts.length })}
      side={
        <AppLink to="/alerts" className="link">
          {t('overview.allAlerts')}
        </AppLink>
      }
    >
      <div className={c.alerts}>
        {alerts.slice(0, most).map((alert, i) => (
          <AlertLine key={i} alert={alert} />
        ))}
      </div>
    </Section>
  );
}

function AlertLine({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const about = Object.entries(alert.labels)
    .filter(([key]) => key !== 'alertname' && key !== 'severity')
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
  return (
    <AppLink to="/alerts" className={c.alert}>
      <StatusBadge kind="crit">{alert.labels.severity ?? t('alerts.firing')}</StatusBadge>
      <b className={c.alertName}>{alert.labels.alertname}</b>
      <span className="dim truncate">{alert.annotations.summary ?? alert.annotations.description ?? about}</span>
      <span className={c.alertSince}>
        <TimeAgo time={alert.activeAt} />
      </span>
    </AppLink>
  );
}
