// SPDX-License-Identifier: Apache-2.0
import type { Extension } from '@codemirror/state';
import { ActionIcon } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Editor } from '@/features/query-editor/editor';

interface QueryRowProps {
  index: number;
  value: string;
  extensions: Extension;
  onChange: (value: string) => void;
  onSubmit: () => void;
  onRemove?: () => void;
}

export const queryLetter = (index: number) => String.fromCharCode(65 + (index % 26));

export function QueryRow({ index, value, extensions, onChange, onSubmit, onRemove }: QueryRowProps) {
  const { t } = useTranslation();
  return (
    <div style={{ display: 'flex', gap: 8, alignItems: 'center' }}>
      <b className="faint" style={{ width: 12 }}>
        {queryLetter(index)}
      </b>
      <Editor
        value={value}
        onChange={onChange}
        onSubmit={onSubmit}
        label={t('metrics.query')}
        placeholder={t('metrics.placeholder')}
        extensions={extensions}
        search={index === 0}
      />
      {onRemove && (
        <ActionIcon onClick={onRemove} aria-label={t('metrics.remove')}>
          <IconTrash size={15} stroke={1.6} />
        </ActionIcon>
      )}
    </div>
  );
}
