// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Button, Popover, SegmentedControl, TextInput, Tooltip } from '@mantine/core';
import { IconArrowBackUp, IconChevronDown, IconClock } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { formatTime, parseTyped } from '@/lib/time';
import { usePatchSearch } from '@/state/navigation';
import { resolveTime } from '@/state/url';
import { useView } from '@/state/view';
import c from './time-range.module.css';

const quick = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '24h', '2d', '7d', '14d', '30d'];

export function TimeControl() {
  const { t } = useTranslation();
  const { raw, range, zone, canUndoZoom, undoZoom } = useView();
  const [opened, setOpened] = useState(false);
  const back = raw.to === 'now' ? /^now-(\w+)$/.exec(raw.from)?.[1] : undefined;
  const label = back
    ? t('time.last', { range: back })
    : `${formatTime(range.start, zone)} – ${formatTime(range.end, zone)}`;
  return (
    <>
      {canUndoZoom && (
        <Tooltip label={t('time.undoZoom')}>
          <ActionIcon onClick={undoZoom} aria-label={t('time.undoZoom')}>
            <IconArrowBackUp size={17} />
          </ActionIcon>
        </Tooltip>
      )}
      <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus>
        <Popover.Target>
          <Button
            variant="default"
            h={28}
            px={10}
            fw={500}
            leftSection={<IconClock size={14} />}
            rightSection={<IconChevronDown size={12} />}
            classNames={{ section: c.chevron, label: c.label }}
            onClick={() => setOpened(!opened)}
            aria-label={t('time.label')}
            data-testid="time-range"
            className={c.button}
          >
            {label}
            {zone === 'utc' && <span className="faint">&nbsp;UTC</span>}
          </Button>
        </Popover.Target>
        <Popover.Dropdown p={12}>{opened && <TimePanel onClose={() => setOpened(false)} />}</Popover.Dropdown>
      </Popover>
    </>
  );
}

function TimePanel({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { raw, range, zone, setRange, nowMs } = useView();
  const patch = usePatchSearch();
  const shown = (text: string, seconds: number) => (text.startsWith('now') ? text : formatTime(seconds, zone));
  const [from, setFrom] = useState(shown(raw.from, range.start));
  const [to, setTo] = useState(shown(raw.to, range.end));
  const [error, setError] = useState('');
  const apply = (event: FormEvent) => {
    event.preventDefault();
    const a = parseTyped(from, zone, new Date(nowMs));
    const b = parseTyped(to, zone, new Date(nowMs));
    if (!a || !b) return setError(t('time.unreadable'));
    if ((resolveTime(a, Date.now()) ?? 0) >= (resolveTime(b, Date.now()) ?? 0)) return setError(t('time.upsideDown'));
    setRange({ from: a, to: b });
    onClose();
  };
  const pick = (back: string) => {
    setRange({ from: `now-${back}`, to: 'now' });
    onClose();
  };
  return (
    <div className={c.panel}>
      <div className={c.quick}>
        {quick.map((back) => (
          <Button
            key={back}
            variant={raw.from === `now-${back}` && raw.to === 'now' ? 'light' : 'subtle'}
            color={raw.from === `now-${back}` && raw.to === 'now' ? undefined : 'gray'}
            onClick={() => pick(back)}
          >
            {back}
          </Button>
        ))}
      </div>
      <form onSubmit={apply} className={c.absolute}>
        <TextInput label={t('time.from')} value={from} onChange={(e) => setFrom(e.target.value)} data-autofocus />
        <TextInput label={t('time.to')} value={to} onChange={(e) => setTo(e.target.value)} error={error} />
        <div className="faint">{t('time.forms')}</div>
        <Button type="submit" fullWidth>
          {t('time.apply')}
        </Button>
        <SegmentedControl
          fullWidth
          aria-label={t('time.zone')}
          value={zone}
          onChange={(value) => patch({ tz: value === 'utc' ? 'utc' : undefined })}
          data={[
            { value: 'local', label: t('time.local') },
            { value: 'utc', label: 'UTC' },
          ]}
        />
      </form>
    </div>
  );
}
