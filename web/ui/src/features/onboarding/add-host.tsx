// SPDX-License-Identifier: Apache-2.0
import { Button, Stack } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCreateKey } from '@/api/keys';
import { useStatus } from '@/api/status';
import { CodeBlock } from '@/components/copy';
import { ErrorNote, Warnings } from '@/components/states';

/** The command that installs the agent on a host, with the address this page came from. */
export function installCommand(origin: string, key: string | undefined): string {
  const command = `curl -fsSL ${origin}/install.sh | sudo sh`;
  return key ? `${command} -s -- --key ${key}` : command;
}

/** The names under which only this machine reaches itself. */
export function onlyLocal(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

export function AddHost() {
  const { t } = useTranslation();
  const { data: status } = useStatus();
  const create = useCreateKey();
  const [secret, setSecret] = useState<string>();
  if (!status) return null;
  const keyNeeded = status.auth.mode === 'required';
  const mayCreate = status.auth.scopes.includes('admin');
  const createKey = () => {
    const name = `hosts ${new Date().toISOString().slice(0, 10)}`;
    create.mutate({ name, scope: 'ingest' }, { onSuccess: (answer) => setSecret(answer.secret) });
  };
  return (
    <Stack gap={12}>
      <span>{t('addHost.run')}</span>
      <CodeBlock text={installCommand(window.location.origin, keyNeeded ? (secret ?? 'KEY') : undefined)} />
      {keyNeeded && !secret && mayCreate && (
        <Button w="fit-content" variant="default" loading={create.isPending} onClick={createKey}>
          {t('addHost.createKey')}
        </Button>
      )}
      {keyNeeded && !secret && !mayCreate && <span className="dim">{t('addHost.askForKey')}</span>}
      {secret && <Warnings warnings={[t('addHost.keyOnce')]} />}
      {create.error && <ErrorNote error={create.error} />}
      {onlyLocal(window.location.hostname) && <Warnings warnings={[t('addHost.onlyLocal')]} />}
      <span className="faint">{t('addHost.platforms')}</span>
      <span className="dim">{t('addHost.remove')}</span>
      <CodeBlock text="sudo sh /usr/local/lib/strata-agent/uninstall.sh" />
    </Stack>
  );
}
