// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Histogram } from '@/api/logs';
import { useDark } from '@/components/blocks';
import { ChartSkeleton } from '@/components/skeleton';
import { TimeChart } from '@/features/chart/time-chart';
import { levelColor, levels } from '@/theme/colors';

const height = 96;

export function LogHistogram({ data }: { data: Histogram | undefined }) {
  const { t } = useTranslation();
  const dark = useDark();
  const { time, series } = useMemo(() => {
    const buckets = data?.buckets ?? [];
    // Trouble at the bottom, where its height can be compared.
    const present = levels.filter((level) => buckets.some((bucket) => (bucket.levels[level] ?? 0) > 0));
    return {
      time: buckets.map((bucket) => bucket.time),
      series: present.map((level) => ({
        key: level || 'none',
        label: level || t('logs.noLevel'),
        color: levelColor(level, dark),
        values: buckets.map((bucket) => bucket.levels[level] ?? 0),
      })),
    };
  }, [data, dark, t]);
  if (!data) return <ChartSkeleton height={height} />;
  return (
    <TimeChart time={time} series={series} unit="number" kind="bars" height={height} label={t('logs.histogram')} />
  );
}
