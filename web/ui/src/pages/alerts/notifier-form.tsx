// SPDX-License-Identifier: Apache-2.0
import { Button, Modal, PasswordInput, Stack, Switch, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Notifier, type NotifierInput, useDeleteNotifier, useSaveNotifier } from '@/api/alerts';
import { Toolbar } from '@/components/blocks';
import { ErrorNote } from '@/components/states';

const blank: NotifierInput = {
  name: '',
  type: 'webhook',
  url: '',
  send_resolved: true,
  enabled: true,
  allow_private: false,
};

export function NotifierForm({ notifier, onClose }: { notifier: Notifier | null; onClose: () => void }) {
  const { t } = useTranslation();
  const [input, setInput] = useState<NotifierInput>(() => {
    if (!notifier) return blank;
    const { name, type, url, send_resolved, enabled, allow_private } = notifier;
    return { name, type, url, send_resolved, enabled, allow_private };
  });
  const save = useSaveNotifier();
  const remove = useDeleteNotifier();
  const set = (patch: Partial<NotifierInput>) => setInput({ ...input, ...patch });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate({ id: notifier?.id ?? null, input }, { onSuccess: onClose });
  };
  const error = save.error ?? remove.error;
  return (
    <Modal opened onClose={onClose} title={notifier ? notifier.name : t('notifiers.add')}>
      <form onSubmit={submit}>
        <Stack gap={12}>
          <TextInput
            label={t('notifiers.name')}
            required
            value={input.name}
            onChange={(e) => set({ name: e.target.value })}
            data-autofocus
          />
          <TextInput
            label={t('notifiers.url')}
            required
            type="url"
            placeholder="https://"
            value={input.url}
            onChange={(e) => set({ url: e.target.value })}
          />
          <PasswordInput
            label={t('notifiers.secret')}
            description={notifier?.secret_set ? t('notifiers.secretSet') : t('notifiers.secretDetail')}
            autoComplete="off"
            value={input.secret ?? ''}
            onChange={(e) => set({ secret: e.target.value || undefined })}
          />
          <Switch
            label={t('notifiers.enabled')}
            checked={input.enabled}
            onChange={(e) => set({ enabled: e.target.checked })}
          />
          <Switch
            label={t('notifiers.sendResolved')}
            checked={input.send_resolved}
            onChange={(e) => set({ send_resolved: e.target.checked })}
          />
          <Switch
            label={t('notifiers.allowPrivate')}
            description={t('notifiers.allowPrivateDetail')}
            checked={input.allow_private}
            onChange={(e) => set({ allow_private: e.target.checked })}
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
