// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Autocomplete, Button, Select } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Signal, useCompletion } from '@/api/fields';
import type { Measure } from '@/api/rollups';
import { useView } from '@/state/view';
import { changedMeasure } from './form-state';
import { funcs } from './measures';
import c from './rollups.module.css';

const mostMeasures = 16;

interface MeasureFieldsProps {
  signal: Signal;
  measures: Measure[];
  onChange: (measures: Measure[]) => void;
}

export function MeasureFields({ signal, measures, onChange }: MeasureFieldsProps) {
  const { t } = useTranslation();
  const replace = (at: number, next: Measure) => onChange(measures.map((one, i) => (i === at ? next : one)));
  return (
    <div className={c.measures}>
      {measures.map((measure, i) => (
        <MeasureRow
          // A measure is its place until it is saved.
          key={i}
          n={i + 1}
          signal={signal}
          measure={measure}
          onChange={(next) => replace(i, next)}
          onRemove={measures.length > 1 ? () => onChange(measures.filter((_, at) => at !== i)) : undefined}
        />
      ))}
      {measures.length < mostMeasures && (
        <Button
          variant="subtle"
          color="gray"
          size="compact-xs"
          leftSection={<IconPlus size={12} />}
          style={{ justifySelf: 'start' }}
          onClick={() => onChange([...measures, { func: 'p99', field: signal === 'traces' ? 'duration' : '' }])}
        >
          {t('rollups.addMeasure')}
        </Button>
      )}
    </div>
  );
}

interface MeasureRowProps {
  n: number;
  signal: Signal;
  measure: Measure;
  onChange: (measure: Measure) => void;
  onRemove: (() => void) | undefined;
}

function MeasureRow({ n, signal, measure, onChange, onRemove }: MeasureRowProps) {
  const { t } = useTranslation();
  const { range } = useView();
  const [active, setActive] = useState(false);
  const at = { kind: 'field' as const, field: '', prefix: measure.field ?? '', start: 0, end: 0 };
  const fields = useCompletion(signal, active ? at : null, range);
  const counts = measure.func === 'count';
  return (
    <div className={c.measure}>
      <Select
        aria-label={t('rollups.measureFunc', { n })}
        data={[...funcs]}
        value={measure.func}
        onChange={(func) => func && onChange(changedMeasure(measure, { func }))}
        maxDropdownHeight={360}
      />
      <Autocomplete
        size="xs"
        aria-label={t('rollups.measureField', { n })}
        placeholder={
          counts
            ? t('rollups.noField')
            : measure.func === 'rate'
              ? t('rollups.rateField')
              : t('rollups.fieldPlaceholder')
        }
        disabled={counts}
        data={[...new Set(fields.data?.map((field) => field.text) ?? [])]}
        filter={({ options }) => options}
        limit={30}
        value={measure.field ?? ''}
        onFocus={() => setActive(true)}
        onBlur={() => setActive(false)}
        onChange={(field) => onChange(changedMeasure(measure, { field }))}
        spellCheck={false}
      />
      {onRemove && (
        <ActionIcon aria-label={t('rollups.removeMeasure', { n })} onClick={onRemove}>
          <IconX size={14} />
        </ActionIcon>
      )}
    </div>
  );
}
