// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import c from './components.module.css';

/** Copies also where the page is not served over TLS and the clipboard API is missing. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.style.position = 'fixed';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

export function CopyButton({ text, label, size = 22 }: { text: string; label?: string; size?: number }) {
  const { t } = useTranslation();
  const [done, setDone] = useState(false);
  const copy = async () => {
    await copyText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  const name = label ?? t('common.copy');
  return (
    <Tooltip label={done ? t('common.copied') : name}>
      <ActionIcon
        size={size}
        onClick={(event) => {
          event.stopPropagation();
          void copy();
        }}
        aria-label={name}
      >
        {done ? <IconCheck size={14} /> : <IconCopy size={14} stroke={1.6} />}
      </ActionIcon>
    </Tooltip>
  );
}

/** A command or configuration to take away. */
export function CodeBlock({ text }: { text: string }) {
  return (
    <div className={c.code}>
      <pre>{text}</pre>
      <div className={c.codeCopy}>
        <CopyButton text={text} />
      </div>
    </div>
  );
}
