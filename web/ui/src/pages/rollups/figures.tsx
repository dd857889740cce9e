// SPDX-License-Identifier: Apache-2.0
import { Tooltip } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Rollup, RollupAnswer, RollupGroup } from '@/api/rollups';
import { formatPercent, formatUnit, type Unit } from '@/lib/format';
import { changeOf, figure, measureText, unitOf, zeroIfNone } from './measures';
import c from './rollups.module.css';
import type { ViewState } from './view-state';

/** The totals of every measure over all values. */
export function Figures({ rollup, state, answer }: { rollup: Rollup; state: ViewState; answer: RollupAnswer }) {
  const { definition } = rollup;
  return (
    <div className={c.figures} data-testid="rollup-figures">
      {answer.measures.map((name, i) => {
        const measure = definition.measures.find((m) => (m.name ?? m.func) === name);
        if (!measure) return null;
        const unit = unitOf(measure, definition.source);
        return (
          <div key={name} className={c.figure}>
            <span>{measureText(measure)}</span>
            <b>
              <Figure group={answer.total} index={i} unit={unit} />
            </b>
            {state.compare !== '' && (
              <span>
                <Change
                  group={answer.total}
                  index={i}
                  unit={unit}
                  zero={zeroIfNone(measure)}
                  unsure={!answer.total.certain}
                />
              </span>
            )}
          </div>
        );
      })}
    </div>
  );
}

/** A figure says by its form and in words whether it is exact. */
export function Figure({ group, index, unit }: { group: RollupGroup; index: number; unit: Unit }) {
  const { t } = useTranslation();
  const { text, exact } = figure(group, index, unit);
  if (exact) return <>{text}</>;
  return (
    <Tooltip label={t(/[–≈≤≥]/.test(text) ? 'rollups.bounds' : 'rollups.unbounded')} multiline maw={320}>
      <span className={c.inexact}>{text}</span>
    </Tooltip>
  );
}

interface ChangeProps {
  group: RollupGroup;
  index: number;
  unit: Unit;
  zero: boolean;
  /** Events of the group may have been among the folded, now or before. */
  unsure: boolean;
}

/** How the value has changed; more is neither good nor bad. */
export function Change({ group, index, unit, zero, unsure }: ChangeProps) {
  const { t } = useTranslation();
  const change = changeOf(group, index, zero);
  const nothing = formatUnit(null, unit);
  if (change.kind === 'none') return <span className="faint">{nothing}</span>;
  const before = t('rollups.before', { value: formatUnit(group.previous?.[index] ?? (zero ? 0 : null), unit) });
  const title = unsure ? `${before}. ${t('rollups.changeUnsure')}` : before;
  if (change.kind === 'new') return <span title={title}>{unsure ? nothing : t('rollups.isNew')}</span>;
  const { ratio } = change;
  const arrow = Math.abs(ratio) < 0.0005 ? '=' : ratio > 0 ? '▲' : '▼';
  return (
    <span title={title} className={unsure ? c.inexact : undefined}>
      <span className="faint">{arrow}</span> {formatPercent(Math.abs(ratio))}
    </span>
  );
}
