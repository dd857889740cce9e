// SPDX-License-Identifier: Apache-2.0
import { Button, SegmentedControl, useMantineColorScheme } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { guestTenant, signOut, useStatus } from '@/api/status';
import { KeyValues, Page, Section, TimeAgo } from '@/components/blocks';
import { CodeBlock } from '@/components/copy';
import { otelVariables } from '@/features/onboarding/send-data';
import { type Language, languages, setLanguage } from '@/i18n';
import { Keys } from './keys';
import c from './settings.module.css';

export function SettingsPage() {
  const { t } = useTranslation();
  return (
    <Page>
      <Section title={t('settings.appearance')}>
        <Appearance />
      </Section>
      <Section title={t('settings.keys')}>
        <Keys />
      </Section>
      <Section title={t('settings.server')}>
        <Server />
      </Section>
    </Page>
  );
}

function Appearance() {
  const { t, i18n } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <div className={c.form}>
      <span className="dim">{t('settings.language')}</span>
      <SegmentedControl
        aria-label={t('settings.language')}
        value={i18n.language}
        onChange={(value) => void setLanguage(value as Language)}
        data={Object.entries(languages).map(([value, label]) => ({ value, label }))}
      />
      <span className="dim">{t('settings.theme')}</span>
      <SegmentedControl
        aria-label={t('settings.theme')}
        value={colorScheme}
        onChange={(value) => setColorScheme(value as 'auto' | 'dark' | 'light')}
        data={[
          { value: 'auto', label: t('settings.system') },
          { value: 'dark', label: t('settings.dark') },
          { value: 'light', label: t('settings.light') },
        ]}
      />
    </div>
  );
}

function Server() {
  const { t } = useTranslation();
  const { data } = useStatus();
  const queries = useQueryClient();
  if (!data) return null;
  const tenant = guestTenant(data);
  const leave = async () => {
    await signOut();
    await queries.invalidateQueries();
  };
  return (
    <div className={c.server}>
      <div>
        <KeyValues
          values={{
            [t('settings.version')]: [data.version, data.commit.slice(0, 12)].filter(Boolean).join(' '),
            [t('settings.roles')]: data.roles.join(', '),
            HTTP: data.addresses.http ?? '',
            'OTLP gRPC': data.addresses.otlp_grpc ?? '',
            'OTLP HTTP': data.addresses.otlp_http ?? '',
            [t('settings.auth')]:
              data.auth.mode === 'open'
                ? t('settings.authOpen')
                : t('settings.authRequired', { scopes: data.auth.scopes.join(', ') }),
            ...(tenant && { [t('settings.tenant')]: tenant }),
          }}
        />
        <div className={c.foot}>
          <span className="faint">
            {t('settings.started')} <TimeAgo time={data.started_at} />
          </span>
          {data.auth.mode === 'required' && (
            <Button variant="default" onClick={leave}>
              {t('settings.signOut')}
            </Button>
          )}
        </div>
      </div>
      <div>
        <div className="dim" style={{ marginBottom: 6 }}>
          {t('settings.send')}
        </div>
        <CodeBlock text={otelVariables(data.addresses.otlp_http, data.auth.mode === 'required')} />
      </div>
    </div>
  );
}
