// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { Alert } from '@/api/alerts';
import { KeyValues, Section } from '@/components/blocks';
import { AppLink } from '@/state/navigation';
import c from './alerts.module.css';

export function AlertDetail({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const service = alert.labels.service_name ?? alert.labels.service;
  const host = alert.labels.host_name ?? alert.labels.host;
  return (
    <div className={c.two}>
      <Section
        title={t('alerts.labels')}
        side={
          <>
            {service && (
              <AppLink className="accent" to={`/services/${encodeURIComponent(service)}`}>
                {service}
              </AppLink>
            )}
            {host && (
              <AppLink className="accent" to={`/hosts/${encodeURIComponent(host)}`}>
                {host}
              </AppLink>
            )}
          </>
        }
      >
        <KeyValues values={alert.labels} />
      </Section>
      <Section title={t('alerts.annotations')}>
        <KeyValues values={alert.annotations} />
      </Section>
    </div>
  );
}
