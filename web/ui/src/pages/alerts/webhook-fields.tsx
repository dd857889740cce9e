// SPDX-License-Identifier: Apache-2.0
import { Checkbox, PasswordInput, Switch, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { FieldsProps } from './notifier-types';

export function WebhookFields({ config, onChange, errorOf }: FieldsProps) {
  const { t } = useTranslation();
  const removed = config.secret === '';
  return (
    <>
      <TextInput
        label={t('notifiers.url')}
        required
        type="url"
        placeholder="https://"
        value={config.url}
        error={errorOf('url')}
        onChange={(e) => onChange({ ...config, url: e.target.value })}
      />
      <PasswordInput
        label={t('notifiers.secret')}
        description={config.secret_set ? t('notifiers.secretSet') : t('notifiers.secretDetail')}
        autoComplete="off"
        disabled={removed}
        value={config.secret ?? ''}
        error={errorOf('secret')}
        onChange={(e) => onChange({ ...config, secret: e.target.value || undefined })}
      />
      {config.secret_set && (
        <Checkbox
          size="xs"
          label={t('notifiers.secretRemove')}
          checked={removed}
          onChange={(e) => onChange({ ...config, secret: e.target.checked ? '' : undefined })}
        />
      )}
      <Switch
        label={t('notifiers.allowPrivate')}
        description={t('notifiers.allowPrivateDetail')}
        checked={config.allow_private ?? false}
        onChange={(e) => onChange({ ...config, allow_private: e.target.checked })}
      />
    </>
  );
}
