// SPDX-License-Identifier: Apache-2.0
import { Button, Modal, SegmentedControl, Select, Stack, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Scope, useCreateKey } from '@/api/keys';
import { ErrorNote } from '@/components/states';

const scopes: Scope[] = ['ingest', 'read', 'admin', 'browser'];
const lifetimes = [7, 30, 90, 365];

export function KeyForm({ onClose, onCreated }: { onClose: () => void; onCreated: (secret: string) => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [scope, setScope] = useState<Scope>('ingest');
  const [days, setDays] = useState('');
  const create = useCreateKey();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const input = { name: name.trim(), scope, ...(days ? { expires_in_days: Number(days) } : {}) };
    create.mutate(input, { onSuccess: (answer) => onCreated(answer.secret) });
  };
  return (
    <Modal opened onClose={onClose} title={t('keys.create')}>
      <form onSubmit={submit}>
        <Stack gap={12}>
          <TextInput
            label={t('keys.name')}
            required
            value={name}
            onChange={(e) => setName(e.target.value)}
            data-autofocus
          />
          <SegmentedControl
            fullWidth
            aria-label={t('keys.scope')}
            value={scope}
            onChange={(value) => setScope(value as Scope)}
            data={scopes.map((value) => ({ value, label: t(`scope.${value}`) }))}
          />
          <span className="dim">{t(`scope.${scope}.detail`)}</span>
          <Select
            label={t('keys.expires')}
            value={days}
            onChange={(value) => setDays(value ?? '')}
            data={[
              { value: '', label: t('keys.forever') },
              ...lifetimes.map((n) => ({ value: String(n), label: t('keys.days', { n }) })),
            ]}
          />
          {create.error && <ErrorNote error={create.error} />}
          <Button type="submit" loading={create.isPending}>
            {t('keys.create')}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
