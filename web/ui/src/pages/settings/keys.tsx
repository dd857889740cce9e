// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Key, useKeys, useRevokeKey } from '@/api/keys';
import { StatusBadge, TimeAgo, Toolbar } from '@/components/blocks';
import { CodeBlock } from '@/components/copy';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { RowsSkeleton } from '@/components/skeleton';
import { ErrorNote, QueryView, Warnings } from '@/components/states';
import { formatTime } from '@/lib/time';
import { useView } from '@/state/view';
import { KeyForm } from './key-form';
import c from './settings.module.css';

function expired(key: Key): boolean {
  return key.expires_at !== null && Date.parse(key.expires_at) < Date.now();
}

export function Keys() {
  const { t } = useTranslation();
  const { zone } = useView();
  const query = useKeys();
  const revoke = useRevokeKey();
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<string>();
  const [sure, setSure] = useState<string>();
  const columns: Column<Key>[] = [
    {
      id: 'name',
      header: t('keys.name'),
      width: 150,
      grow: true,
      sort: (row) => row.name,
      render: (row) => <b>{row.name}</b>,
    },
    {
      id: 'scope',
      header: t('keys.scope'),
      width: 90,
      sort: (row) => row.scope,
      render: (row) => t(`scope.${row.scope}`),
    },
    {
      id: 'prefix',
      header: t('keys.prefix'),
      width: 130,
      minPage: 700,
      render: (row) => <span className="mono dim">{row.prefix}…</span>,
    },
    {
      id: 'created',
      header: t('keys.created'),
      width: 110,
      minPage: 900,
      sort: (row) => row.created_at,
      render: (row) => <TimeAgo time={row.created_at} />,
    },
    {
      id: 'used',
      header: t('keys.used'),
      width: 110,
      minPage: 900,
      sort: (row) => row.last_used_at,
      render: (row) => <TimeAgo time={row.last_used_at} />,
    },
    {
      id: 'state',
      header: t('keys.state'),
      width: 170,
      render: (row) =>
        row.revoked ? (
          <StatusBadge kind="unknown">{t('keys.revoked')}</StatusBadge>
        ) : expired(row) ? (
          <StatusBadge kind="warn">{t('keys.expired')}</StatusBadge>
        ) : (
          <StatusBadge kind="ok">
            {row.expires_at
              ? t('keys.until', { time: formatTime(row.expires_at, zone).slice(0, 10) })
              : t('keys.forever')}
          </StatusBadge>
        ),
    },
    {
      id: 'revoke',
      header: '',
      width: 120,
      align: 'end',
      render: (row) =>
        !row.revoked && (
          <Button
            size="compact-xs"
            color="red"
            variant={sure === row.id ? 'filled' : 'subtle'}
            loading={revoke.isPending && revoke.variables === row.id}
            onClick={() =>
              sure === row.id ? revoke.mutate(row.id, { onSettled: () => setSure(undefined) }) : setSure(row.id)
            }
          >
            {sure === row.id ? t('keys.revokeSure') : t('keys.revoke')}
          </Button>
        ),
    },
  ];
  return (
    <div className={c.keys}>
      <Toolbar>
        <Button leftSection={<IconPlus size={14} />} onClick={() => setCreating(true)}>
          {t('keys.create')}
        </Button>
      </Toolbar>
      {secret && (
        <div className={c.secret} data-testid="key-secret">
          <Warnings warnings={[t('keys.once')]} />
          <CodeBlock text={secret} />
        </div>
      )}
      {revoke.error && <ErrorNote error={revoke.error} />}
      <QueryView query={query} skeleton={<RowsSkeleton rows={3} />}>
        {(data) => (
          <DataTable
            id="keys"
            label={t('settings.keys')}
            columns={columns}
            rows={data.keys}
            rowKey={(row) => row.id}
            empty={t('keys.none')}
            rowHeight={36}
          />
        )}
      </QueryView>
      {creating && (
        <KeyForm
          onClose={() => setCreating(false)}
          onCreated={(value) => {
            setSecret(value);
            setCreating(false);
          }}
        />
      )}
    </div>
  );
}
