// SPDX-License-Identifier: Apache-2.0
import { SegmentedControl, Select } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Definition } from '@/api/rollups';
import { measureText } from './measures';
import c from './rollups.module.css';
import { compares, limits, type ViewState } from './view-state';

interface ControlsProps {
  definition: Definition;
  state: ViewState;
  onChange: (next: ViewState) => void;
}

export function Controls({ definition, state, onChange }: ControlsProps) {
  const { t } = useTranslation();
  const dimensions = definition.dimensions ?? [];
  const toggle = (name: string) => dimensions.filter((other) => (other === name) !== state.group.includes(other));
  return (
    <div className={c.controls}>
      {dimensions.length > 0 && (
        <div className={c.control}>
          <span id="break-down">{t('rollups.breakDown')}</span>
          <div className={c.chips} role="group" aria-labelledby="break-down">
            {dimensions.map((name) => (
              <button
                key={name}
                type="button"
                className={c.toggle}
                aria-pressed={state.group.includes(name)}
                onClick={() => onChange({ ...state, group: toggle(name) })}
              >
                <span className="truncate">{name}</span>
              </button>
            ))}
          </div>
        </div>
      )}
      <Control label={t('rollups.rankBy')}>
        <Select
          aria-label={t('rollups.rankBy')}
          data={definition.measures.map((m) => ({ value: m.name ?? m.func, label: measureText(m) }))}
          value={state.measure}
          onChange={(measure) => measure && onChange({ ...state, measure })}
          w={200}
          maw="100%"
        />
      </Control>
      <Control label={t('rollups.order')}>
        <SegmentedControl
          aria-label={t('rollups.order')}
          value={state.order}
          onChange={(value) => onChange({ ...state, order: value === 'asc' ? 'asc' : 'desc' })}
          data={[
            { value: 'desc', label: t('rollups.largest') },
            { value: 'asc', label: t('rollups.smallest') },
          ]}
        />
      </Control>
      <Control label={t('rollups.top')}>
        <SegmentedControl
          aria-label={t('rollups.top')}
          value={String(state.limit)}
          onChange={(value) => onChange({ ...state, limit: Number(value) })}
          data={limits.map(String)}
        />
      </Control>
      <Control label={t('rollups.compare')}>
        <SegmentedControl
          aria-label={t('rollups.compare')}
          value={state.compare || 'off'}
          onChange={(value) => onChange({ ...state, compare: value === 'off' ? '' : value })}
          data={compares.map((value) => ({ value: value || 'off', label: value ? `−${value}` : t('rollups.off') }))}
        />
      </Control>
    </div>
  );
}

function Control({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className={c.control}>
      <span aria-hidden>{label}</span>
      {children}
    </div>
  );
}
