// SPDX-License-Identifier: Apache-2.0
import { Autocomplete, Button, Popover, Select, Stack } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCompletion } from '@/api/fields';
import type { Definition } from '@/api/rollups';
import { useView } from '@/state/view';
import c from './rollups.module.css';
import { type Condition, type ViewState, withCondition, withoutCondition } from './view-state';

interface ConditionsProps {
  definition: Definition;
  state: ViewState;
  onChange: (next: ViewState) => void;
}

export function Conditions({ definition, state, onChange }: ConditionsProps) {
  const { t } = useTranslation();
  if ((definition.dimensions ?? []).length === 0) return null;
  const shown = (condition: Condition) =>
    condition.other ? t('rollups.other') : condition.value === '' ? t('search.noValue') : condition.value;
  const flip = (condition: Condition): ViewState => ({
    ...state,
    conditions: state.conditions.map((one) => (one === condition ? { ...one, not: !one.not } : one)),
  });
  return (
    <section className={c.chips} data-testid="conditions" aria-label={t('rollups.conditions')}>
      <span className={c.legend}>{t('rollups.conditions')}</span>
      {state.conditions.map((condition) => {
        const text = `${condition.dimension} ${condition.not ? '≠' : '='} ${shown(condition)}`;
        return (
          <span key={text} className={c.chip}>
            <button
              type="button"
              title={condition.other ? undefined : t('rollups.flip')}
              disabled={condition.other}
              onClick={() => onChange(flip(condition))}
            >
              <span className="truncate">{text}</span>
            </button>
            <button
              type="button"
              className={c.remove}
              aria-label={t('rollups.removeCondition', { condition: text })}
              onClick={() => onChange(withoutCondition(state, condition))}
            >
              <IconX size={12} />
            </button>
          </span>
        );
      })}
      <AddCondition definition={definition} onAdd={(added) => onChange(withCondition(state, added))} />
      {state.conditions.length > 1 && (
        <Button size="compact-xs" variant="subtle" color="gray" onClick={() => onChange({ ...state, conditions: [] })}>
          {t('rollups.removeAll')}
        </Button>
      )}
    </section>
  );
}

/** A value can be asked for by its name, also where it is not among those shown. */
function AddCondition({ definition, onAdd }: { definition: Definition; onAdd: (added: Condition) => void }) {
  const { t } = useTranslation();
  const { range } = useView();
  const dimensions = definition.dimensions ?? [];
  const [opened, setOpened] = useState(false);
  const [dimension, setDimension] = useState(dimensions[0] ?? '');
  const [value, setValue] = useState('');
  const at = { kind: 'value' as const, field: dimension, prefix: value, start: 0, end: 0 };
  const values = useCompletion(definition.source === 'logs' ? 'logs' : 'traces', opened ? at : null, range);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onAdd({ dimension, not: false, value, other: false });
    setValue('');
    setOpened(false);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" width={280} trapFocus>
      <Popover.Target>
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          leftSection={<IconPlus size={12} />}
          onClick={() => setOpened(!opened)}
        >
          {t('rollups.addCondition')}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form onSubmit={submit}>
          <Stack gap={8}>
            <Select
              label={t('rollups.dimension')}
              data={dimensions}
              value={dimension}
              onChange={(name) => setDimension(name ?? '')}
              comboboxProps={{ withinPortal: false }}
            />
            <Autocomplete
              size="xs"
              label={t('rollups.value')}
              placeholder={t('search.noValue')}
              data={[...new Set(values.data?.map((one) => one.text) ?? [])]}
              value={value}
              onChange={setValue}
              comboboxProps={{ withinPortal: false }}
              data-autofocus
            />
            <Button type="submit">{t('rollups.addCondition')}</Button>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
