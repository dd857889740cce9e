// SPDX-License-Identifier: Apache-2.0
import { Button, Modal, Select, Stack, Switch, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Notifier, type NotifierInput, useDeleteNotifier, useSaveNotifier } from '@/api/alerts';
import { ApiError } from '@/api/client';
import { Toolbar } from '@/components/blocks';
import { ErrorNote } from '@/components/states';
import { notifierTypes, typeOf } from './notifier-types';

const blank: NotifierInput = {
  name: '',
  type: 'webhook',
  config: notifierTypes.webhook.blank,
  send_resolved: true,
  enabled: true,
};

/** Which field the server has refused, and why; undefined when it is none that the form shows. */
function refusal(error: unknown): { field: string; reason: string } | undefined {
  const field = error instanceof ApiError ? error.details.field : undefined;
  if (typeof field !== 'string' || !(error instanceof Error)) return undefined;
  return { field, reason: error.message.slice(field.length).replace(/^: /, '') };
}

export function NotifierForm({ notifier, onClose }: { notifier: Notifier | null; onClose: () => void }) {
  const { t } = useTranslation();
  const [input, setInput] = useState<NotifierInput>(() => {
    if (!notifier) return blank;
    const { name, type, config, send_resolved, enabled } = notifier;
    return { name, type, config, send_resolved, enabled };
  });
  const save = useSaveNotifier();
  const remove = useDeleteNotifier();
  const set = (patch: Partial<NotifierInput>) => setInput({ ...input, ...patch });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate({ id: notifier?.id ?? null, input }, { onSuccess: onClose });
  };
  const kind = typeOf(input.type);
  const refused = refusal(save.error);
  const errorOf = (field: string) => (refused?.field === field ? refused.reason : undefined);
  const shown = ['name', 'type', ...(kind?.checked ?? []).map((key) => `config.${key}`)];
  const error = refused && shown.includes(refused.field) ? remove.error : (save.error ?? remove.error);
  return (
    <Modal opened onClose={onClose} title={notifier ? notifier.name : t('notifiers.add')}>
      <form onSubmit={submit}>
        <Stack gap={12}>
          <TextInput
            label={t('notifiers.name')}
            required
            value={input.name}
            error={errorOf('name')}
            onChange={(e) => set({ name: e.target.value })}
            data-autofocus
          />
          <Select
            label={t('notifiers.type')}
            required
            allowDeselect={false}
            data={Object.entries(notifierTypes).map(([value, { name }]) => ({ value, label: name }))}
            value={kind ? input.type : null}
            error={errorOf('type')}
            onChange={(value) => {
              const next = typeOf(value ?? '');
              if (next && value !== input.type) set({ type: value as NotifierInput['type'], config: next.blank });
            }}
          />
          {kind && (
            <kind.Fields
              config={input.config}
              onChange={(config) => set({ config })}
              errorOf={(key) => errorOf(`config.${key}`)}
            />
          )}
          <Switch
            label={t('notifiers.sendResolved')}
            checked={input.send_resolved}
            onChange={(e) => set({ send_resolved: e.target.checked })}
          />
          <Switch
            label={t('notifiers.enabled')}
            checked={input.enabled}
            onChange={(e) => set({ enabled: e.target.checked })}
          />
          {notifier?.last_error && <span className="crit">{notifier.last_error}</span>}
          {error && <ErrorNote error={error} />}
          <Toolbar>
            <Button type="submit" loading={save.isPending}>
              {t('common.save')}
            </Button>
            {notifier && (
              <Button
                variant="subtle"
                color="red"
                loading={remove.isPending}
                onClick={() => remove.mutate(notifier.id, { onSuccess: onClose })}
              >
                {t('common.delete')}
              </Button>
            )}
          </Toolbar>
        </Stack>
      </form>
    </Modal>
  );
}
