// SPDX-License-Identifier: Apache-2.0
import { Autocomplete, Button, Input, NumberInput, SegmentedControl, TagsInput, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Signal, useCompletion } from '@/api/fields';
import { type Definition, useSaveRollup } from '@/api/rollups';
import { Toolbar } from '@/components/blocks';
import { ErrorNote, Warnings } from '@/components/states';
import { SearchBar } from '@/features/search-bar/search-bar';
import { AppLink, useGo } from '@/state/navigation';
import { useView } from '@/state/view';
import { definitionOf, isRefusal, refusals } from './form-state';
import { MeasureFields } from './measure-fields';
import c from './rollups.module.css';

const mostDimensions = 5;
const steps = ['10s', '1m', '5m', '1h'];
const retentions = ['7d', '30d', '90d', '365d', '2y'];

export function RollupForm({ id, from }: { id: string | null; from: Definition }) {
  const { t } = useTranslation();
  const { range } = useView();
  const go = useGo();
  const [form, setForm] = useState(from);
  const [typed, setTyped] = useState('');
  const save = useSaveRollup();
  const set = (patch: Partial<Definition>) => setForm({ ...form, ...patch });
  const signal: Signal = form.source === 'logs' ? 'logs' : 'traces';
  const fields = useCompletion(signal, { kind: 'field', field: '', prefix: typed, start: 0, end: 0 }, range);
  const { by, rest } = refusals(save.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(
      { id, definition: definitionOf(form) },
      { onSuccess: (rollup) => go(`/rollups/${encodeURIComponent(rollup.id)}`) },
    );
  };
  const budget = form.budget ?? {};
  const number = (value: string | number) => (value === '' ? undefined : Number(value));
  const back = id === null ? '/rollups' : `/rollups/${encodeURIComponent(id)}`;
  return (
    <form onSubmit={submit} className={c.form} data-testid="rollup-form">
      <div className={c.pair}>
        <TextInput
          label={t('rollups.name')}
          description={t('rollups.nameDetail')}
          required
          value={form.name}
          error={by.name?.join(' ')}
          onChange={(event) => set({ name: event.target.value })}
          autoFocus={id === null}
          spellCheck={false}
        />
        <Field label={t('rollups.source')} hint={t('rollups.sourceDetail')} wrong={by.source}>
          <SegmentedControl
            aria-label={t('rollups.source')}
            value={form.source}
            onChange={(source) => set({ source: source === 'logs' ? 'logs' : 'spans' })}
            data={['spans', 'logs'].map((value) => ({ value, label: t(`rollups.of.${value}`) }))}
          />
        </Field>
      </div>
      <Field label={t('rollups.filter')} hint={t('rollups.filterDetail')} wrong={by.filter}>
        <SearchBar
          signal={signal}
          value={form.filter ?? ''}
          onSubmit={(filter) => set({ filter })}
          onChange={(filter) => set({ filter })}
          placeholder={t('rollups.filterPlaceholder')}
        />
      </Field>
      <TagsInput
        size="xs"
        label={t('rollups.dimensions')}
        description={t('rollups.dimensionsDetail', { most: mostDimensions })}
        placeholder={(form.dimensions ?? []).length < mostDimensions ? t('rollups.dimensionsPlaceholder') : ''}
        maxTags={mostDimensions}
        data={[...new Set(fields.data?.map((field) => field.text) ?? [])]}
        value={form.dimensions ?? []}
        searchValue={typed}
        onSearchChange={setTyped}
        onChange={(dimensions) => set({ dimensions })}
        error={by.dimensions?.join(' ')}
        limit={30}
        acceptValueOnBlur
      />
      <Field label={t('rollups.measures')} hint={t('rollups.measuresDetail')} wrong={by.measures}>
        <MeasureFields signal={signal} measures={form.measures} onChange={(measures) => set({ measures })} />
      </Field>
      <div className={c.pair}>
        <Field label={t('rollups.step')} hint={t('rollups.stepDetail')} wrong={by.step}>
          <SegmentedControl
            aria-label={t('rollups.step')}
            value={form.step}
            onChange={(step) => set({ step })}
            data={steps}
          />
        </Field>
        <Autocomplete
          size="xs"
          label={t('rollups.retention')}
          description={t('rollups.retentionDetail')}
          required
          data={retentions}
          filter={({ options }) => options}
          value={form.retention}
          error={by.retention?.join(' ')}
          onChange={(retention) => set({ retention })}
        />
      </div>
      <details className={c.advanced} open={by.budget !== undefined || undefined}>
        <summary>{t('rollups.advanced')}</summary>
        <div className={c.pair}>
          <NumberInput
            label={t('rollups.budgetValues')}
            description={t('rollups.budgetValuesDetail')}
            placeholder="1000"
            min={1}
            max={10_000}
            value={budget.values ?? ''}
            error={by.budget?.filter((text) => text.includes('values')).join(' ')}
            onChange={(value) => set({ budget: { ...budget, values: number(value) } })}
          />
          <NumberInput
            label={t('rollups.budgetCombinations')}
            description={t('rollups.budgetCombinationsDetail')}
            placeholder="10000"
            min={1}
            max={100_000}
            value={budget.combinations ?? ''}
            error={by.budget?.filter((text) => text.includes('combinations')).join(' ')}
            onChange={(value) => set({ budget: { ...budget, combinations: number(value) } })}
          />
        </div>
      </details>
      {save.error && !isRefusal(save.error) && <ErrorNote error={save.error} />}
      {isRefusal(save.error) && <Warnings warnings={[t('rollups.refused'), ...rest]} />}
      <Toolbar>
        <Button type="submit" loading={save.isPending}>
          {id === null ? t('rollups.create') : t('rollups.saveVersion')}
        </Button>
        <Button variant="default" component={AppLink} to={back}>
          {t('common.cancel')}
        </Button>
      </Toolbar>
    </form>
  );
}

interface FieldProps {
  label: string;
  hint: string;
  wrong: string[] | undefined;
  children: ReactNode;
}

/** A label, a hint and what the server has against it around controls that have none of their own. */
function Field({ label, hint, wrong, children }: FieldProps) {
  return (
    <Input.Wrapper size="xs" labelElement="div" label={label} description={hint} error={wrong?.join(' ')}>
      <div className={c.field}>{children}</div>
    </Input.Wrapper>
  );
}
