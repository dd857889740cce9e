// SPDX-License-Identifier: Apache-2.0
import { Button, Modal, Stack } from '@mantine/core';
import { IconPencil, IconPlayerPause, IconPlayerPlay, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type RollupDetail, useDeleteRollup, usePauseRollup } from '@/api/rollups';
import { Toolbar } from '@/components/blocks';
import { ErrorNote, Warnings } from '@/components/states';
import { formatBytes } from '@/lib/format';
import { formatTime } from '@/lib/time';
import { AppLink, useGo } from '@/state/navigation';
import { useView } from '@/state/view';
import { measureText } from './measures';
import c from './rollups.module.css';
import { RollupState } from './rollups.page';

export function RollupHead({ detail }: { detail: RollupDetail }) {
  const { t } = useTranslation();
  const { zone } = useView();
  const { rollup } = detail;
  const pause = usePauseRollup();
  const [deleting, setDeleting] = useState(false);
  const { definition: def } = rollup;
  const kept = [
    t('rollups.lineSteps', { step: def.step, retention: def.retention }),
    t('rollups.lineSince', { time: formatTime(rollup.created_at, zone) }),
    rollup.version > 1 ? t('rollups.lineVersion', { n: rollup.version }) : '',
    t('rollups.lineSize', { size: formatBytes(detail.bytes) }),
  ];
  return (
    <>
      <div className={c.head}>
        <div className={c.who}>
          <div className={c.title}>
            {rollup.name}
            <RollupState paused={rollup.paused} />
          </div>
          <div className={c.line} data-testid="rollup-line">
            {t(`rollups.of.${def.source}`)}
            {def.filter && <span className="mono"> {def.filter}</span>}
            {' → '}
            {def.measures.map(measureText).join(', ')}
            {(def.dimensions ?? []).length > 0 && ` ${t('rollups.lineBy', { list: def.dimensions?.join(', ') })}`}
          </div>
          <div className={`${c.line} faint`}>{kept.filter(Boolean).join(' · ')}</div>
        </div>
        <Toolbar>
          <Button
            variant="default"
            leftSection={rollup.paused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
            loading={pause.isPending}
            onClick={() => pause.mutate({ id: rollup.id, paused: !rollup.paused })}
          >
            {rollup.paused ? t('rollups.resume') : t('rollups.pause')}
          </Button>
          <Button
            variant="default"
            component={AppLink}
            to={`/rollups/${encodeURIComponent(rollup.id)}/edit`}
            leftSection={<IconPencil size={14} />}
          >
            {t('rollups.edit')}
          </Button>
          <Button variant="subtle" color="red" leftSection={<IconTrash size={14} />} onClick={() => setDeleting(true)}>
            {t('common.delete')}
          </Button>
        </Toolbar>
      </div>
      {pause.error && <ErrorNote error={pause.error} />}
      <Warnings warnings={detail.warnings} />
      {deleting && <DeleteDialog detail={detail} onClose={() => setDeleting(false)} />}
    </>
  );
}

function DeleteDialog({ detail, onClose }: { detail: RollupDetail; onClose: () => void }) {
  const { t } = useTranslation();
  const { zone } = useView();
  const go = useGo();
  const remove = useDeleteRollup();
  const { rollup } = detail;
  const first = detail.versions.at(-1) ?? rollup;
  return (
    <Modal opened onClose={onClose} title={t('rollups.deleteTitle', { name: rollup.name })}>
      <Stack gap={12}>
        <span>
          {t('rollups.deleteLost', { time: formatTime(first.created_at, zone), size: formatBytes(detail.bytes) })}
        </span>
        <span className="dim">{t('rollups.deleteUses', { metric: `rollup:${rollup.name}:…` })}</span>
        {remove.error && <ErrorNote error={remove.error} />}
        <Toolbar>
          <Button
            color="red"
            loading={remove.isPending}
            onClick={() => remove.mutate(rollup.id, { onSuccess: () => go('/rollups') })}
          >
            {t('rollups.deleteSure')}
          </Button>
          <Button variant="default" onClick={onClose} data-autofocus>
            {t('common.cancel')}
          </Button>
        </Toolbar>
      </Stack>
    </Modal>
  );
}
