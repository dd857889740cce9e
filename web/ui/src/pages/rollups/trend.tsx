// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Rollup, RollupAnswer, RollupGroup } from '@/api/rollups';
import { useDark } from '@/components/blocks';
import { ChartPanel } from '@/features/chart/chart-panel';
import type { ChartSeries } from '@/features/chart/plot';
import { formatSeconds } from '@/lib/format';
import { quoted } from '@/lib/labels';
import { useView } from '@/state/view';
import { measureText, metricName, unitOf, zeroIfNone } from './measures';
import { colorsOf, countedTimes, groupKey, timesOf, valuesAt } from './series';
import type { ViewState } from './view-state';

const most = 10;
const grey = { dark: '#858d9b', light: '#6a7280' };

interface TrendProps {
  rollup: Rollup;
  state: ViewState;
  answer: RollupAnswer;
}

export function Trend({ rollup, state, answer }: TrendProps) {
  const { t } = useTranslation();
  const { nowMs } = useView();
  const dark = useDark();
  const { definition } = rollup;
  const index = Math.max(0, answer.measures.indexOf(state.measure));
  const measure = definition.measures[index];
  const time = useMemo(() => timesOf(answer, nowMs), [answer, nowMs]);
  const series = useMemo(() => {
    const label = (group: RollupGroup) =>
      group.values.map((v) => (v.other ? t('rollups.other') : v.value || t('search.noValue'))).join(' · ') ||
      t('rollups.total');
    const counted = measure && zeroIfNone(measure) ? countedTimes(answer) : null;
    const top = answer.groups.slice(0, most);
    const colors = colorsOf(answer.groups, dark);
    // Folded values are one line only where they are one group.
    const others = answer.others.length === 1 && answer.group.length === 1 ? answer.others : [];
    return [...top, ...others].map(
      (group): ChartSeries => ({
        key: groupKey(group),
        label: label(group),
        color: colors.get(groupKey(group)) ?? (dark ? grey.dark : grey.light),
        values: valuesAt(group, index, time, counted),
      }),
    );
  }, [answer, dark, index, time, measure, t]);
  if (!measure) return null;
  const metric = metricName(definition, measure);
  return (
    <ChartPanel
      title={t('rollups.trend', { measure: measureText(measure), every: formatSeconds(answer.every_seconds) })}
      label={t('rollups.trend', { measure: measureText(measure), every: formatSeconds(answer.every_seconds) })}
      time={time}
      series={series}
      unit={unitOf(measure, definition.source)}
      height={200}
      queries={[`{${quoted(metric)}}`]}
    />
  );
}
