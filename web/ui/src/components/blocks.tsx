// SPDX-License-Identifier: Apache-2.0
import { Tooltip, useComputedColorScheme } from '@mantine/core';
import { IconAlertTriangleFilled, IconCircleCheckFilled, IconFlameFilled, IconHelpCircle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { formatPercent, none } from '@/lib/format';
import { type Tree, treeOf } from '@/lib/nested';
import { formatTime, relative } from '@/lib/time';
import { useView } from '@/state/view';
import { entityColor } from '@/theme/colors';
import c from './components.module.css';

export const useDark = () => useComputedColorScheme('light', { getInitialValueInEffect: false }) === 'dark';

export function Page({ children, fill }: { children: ReactNode; fill?: boolean }) {
  return <div className={fill ? c.fill : c.page}>{children}</div>;
}

interface SectionProps {
  title: ReactNode;
  side?: ReactNode;
  children: ReactNode;
  testId?: string;
}

export function Section({ title, side, children, testId }: SectionProps) {
  return (
    <section className={c.section} data-testid={testId}>
      <div className={c.sectionHead}>
        <h2>{title}</h2>
        {side && <div className={c.sectionSide}>{side}</div>}
      </div>
      {children}
    </section>
  );
}

export function Toolbar({ children }: { children: ReactNode }) {
  return <div className={c.toolbar}>{children}</div>;
}

export function Swatch({ name, color }: { name?: string; color?: string }) {
  const dark = useDark();
  return <span className={c.swatch} style={{ background: color ?? entityColor(name ?? '', dark) }} aria-hidden />;
}

export function ServiceName({ name }: { name: string }) {
  return (
    <span className={c.service}>
      <Swatch name={name} />
      <span className="truncate" title={name}>
        {name || none}
      </span>
    </span>
  );
}

export type Kind = 'ok' | 'warn' | 'crit' | 'unknown' | 'plain';

const kindIcons = {
  ok: IconCircleCheckFilled,
  warn: IconAlertTriangleFilled,
  crit: IconFlameFilled,
  unknown: IconHelpCircle,
} as const;

/** A status is a colour with a shape and a word, never a colour alone. */
export function StatusBadge({ kind, children }: { kind: Kind; children: ReactNode }) {
  const Icon = kind === 'plain' ? null : kindIcons[kind];
  return (
    <span className={c.badge} data-kind={kind}>
      {Icon && <Icon size={12} />}
      {children}
    </span>
  );
}

export function kindOfRatio(value: number | null | undefined, warn: number, crit: number): Kind {
  if (value === null || value === undefined) return 'unknown';
  return value >= crit ? 'crit' : value >= warn ? 'warn' : 'ok';
}

/** A ratio 0…1 as a bar with its number. */
export function Meter({
  value,
  warn = 0.8,
  crit = 0.95,
}: {
  value: number | null | undefined;
  warn?: number;
  crit?: number;
}) {
  if (value === null || value === undefined) return <span className="faint">{none}</span>;
  return (
    <span className={c.meter}>
      <span className={c.meterTrack}>
        <span
          className={c.meterFill}
          data-kind={kindOfRatio(value, warn, crit)}
          style={{ display: 'block', width: `${Math.min(100, Math.max(0, value * 100))}%` }}
        />
      </span>
      <span className={c.meterValue}>{formatPercent(value)}</span>
    </span>
  );
}

export function TimeAgo({ time }: { time: string | null | undefined }) {
  const { t } = useTranslation();
  const { zone } = useView();
  const { key, n } = relative(time, Date.now());
  return (
    <Tooltip label={formatTime(time, zone)} disabled={!time}>
      <span>{t(key, { n })}</span>
    </Tooltip>
  );
}

export function ErrorRate({ value, errors }: { value: number | null; errors?: number }) {
  if (value === null || Number.isNaN(value)) return <span className="faint">{none}</span>;
  const tone = value >= 0.05 ? 'crit' : value > 0.01 ? 'warn' : value > 0 ? '' : 'faint';
  return (
    <span className={tone} title={errors === undefined ? undefined : String(errors)}>
      {formatPercent(value)}
    </span>
  );
}

export function Stat({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className={c.stat}>
      <span>{label}</span>
      <span>{children}</span>
    </div>
  );
}

export function Stats({ children }: { children: ReactNode }) {
  return <div className={c.stats}>{children}</div>;
}

interface KeyValuesProps {
  values: Record<string, string>;
  actions?: (key: string, value: string) => ReactNode;
}

export function KeyValues({ values, actions }: KeyValuesProps) {
  if (Object.keys(values).length === 0) return <span className="faint">{none}</span>;
  return <Branch values={values} actions={actions} path="" />;
}

/** One level of a tree; what is within maps is named by its path, as the search language has it. It has no paths into lists, so those have no actions. */
function Branch({ values, actions, path }: { values: Tree; actions: KeyValuesProps['actions']; path: string }) {
  const entries = Object.entries(values).sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }));
  return (
    <dl className={c.kv}>
      {entries.map(([key, value]) => {
        const at = path + key;
        const tree = typeof value === 'string' ? treeOf(value) : value;
        const text = typeof value === 'string' ? value : '';
        return (
          <div key={key}>
            <dt>{key}</dt>
            <dd className={c.kvValue}>
              {tree && Object.keys(tree).length > 0 ? (
                <Branch values={tree} actions={Array.isArray(tree) ? undefined : actions} path={`${at}.`} />
              ) : (
                <span>{text}</span>
              )}
              {actions && text !== '' && <span className={c.kvActions}>{actions(at, text)}</span>}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
