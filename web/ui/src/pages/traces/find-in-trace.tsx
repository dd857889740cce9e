// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconChevronDown, IconChevronUp, IconSearch } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import c from './traces.module.css';

interface FindProps {
  value: string;
  found: number[];
  onChange: (text: string) => void;
  onJump: (row: number) => void;
}

export function FindInTrace({ value, found, onChange, onJump }: FindProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  const [at, setAt] = useState(-1);
  const commit = useDebouncedCallback(onChange, 200);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new search starts before its first match
  useEffect(() => setAt(-1), [value]);
  const step = (delta: number) => {
    if (found.length === 0) return;
    const next = (at + delta + found.length) % found.length;
    setAt(next);
    onJump(found[next] as number);
  };
  return (
    <div className={c.find}>
      {value !== '' && (
        <span className="faint" aria-live="polite">
          {t('trace.found', { at: Math.max(0, at + 1), n: found.length })}
        </span>
      )}
      <TextInput
        data-search
        w={220}
        leftSection={<IconSearch size={14} />}
        placeholder={t('trace.find')}
        aria-label={t('trace.find')}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          commit(event.target.value);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
      <ActionIcon onClick={() => step(-1)} disabled={found.length === 0} aria-label={t('trace.previous')}>
        <IconChevronUp size={15} />
      </ActionIcon>
      <ActionIcon onClick={() => step(1)} disabled={found.length === 0} aria-label={t('trace.next')}>
        <IconChevronDown size={15} />
      </ActionIcon>
    </div>
  );
}
