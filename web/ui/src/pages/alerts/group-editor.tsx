// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type EditableGroup, useDeleteGroup, useSaveGroup } from '@/api/alerts';
import { ApiError } from '@/api/client';
import { Section, Toolbar } from '@/components/blocks';
import { ErrorNote, Warnings } from '@/components/states';
import { Editor } from '@/features/query-editor/editor';
import { yamlExtensions } from '@/features/query-editor/yaml';
import { exampleGroup } from './example-group';

interface GroupEditorProps {
  /** Null for a new group. */
  group: EditableGroup | null;
  onClose: () => void;
}

export function GroupEditor({ group, onClose }: GroupEditorProps) {
  const { t } = useTranslation();
  const [yaml, setYaml] = useState(group?.yaml ?? exampleGroup);
  const [sure, setSure] = useState(false);
  const save = useSaveGroup();
  const remove = useDeleteGroup();
  const readOnly = group !== null && group.source !== 'api';
  const error = save.error ?? remove.error;
  const line = error instanceof ApiError ? error.details.line : undefined;
  return (
    <Section title={group ? group.name : t('alerts.newGroup')} testId="group-editor">
      <div style={{ display: 'grid', gap: 10 }}>
        {readOnly && <Warnings kind="info" warnings={[t('alerts.fromFile', { file: group.file })]} />}
        <Editor value={yaml} onChange={setYaml} label={t('alerts.yaml')} extensions={yamlExtensions} minHeight={240} />
        {error && <ErrorNote error={error} />}
        {typeof line === 'number' && <span className="crit">{t('alerts.atLine', { line })}</span>}
        <Toolbar>
          {!readOnly && (
            <Button
              loading={save.isPending}
              onClick={() => save.mutate({ id: group?.id ?? null, yaml }, { onSuccess: onClose })}
            >
              {t('common.save')}
            </Button>
          )}
          <Button variant="default" onClick={onClose}>
            {readOnly ? t('common.close') : t('common.cancel')}
          </Button>
          {group && !readOnly && (
            <Button
              variant={sure ? 'filled' : 'subtle'}
              color="red"
              loading={remove.isPending}
              onClick={() => (sure ? remove.mutate(group.id, { onSuccess: onClose }) : setSure(true))}
            >
              {sure ? t('alerts.deleteSure', { name: group.name }) : t('common.delete')}
            </Button>
          )}
        </Toolbar>
      </div>
    </Section>
  );
}
