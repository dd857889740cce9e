// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Swatch } from '@/components/blocks';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import type { ChartSeries } from '@/features/chart/plot';
import { formatUnit, type Unit } from '@/lib/format';
import { type Summary, summarize } from '@/lib/labels';

interface LegendProps {
  series: ChartSeries[];
  unit: Unit;
  only: ReadonlySet<string>;
  onOnly: (only: ReadonlySet<string>) => void;
}

type Row = ChartSeries & Summary;

/** A click isolates a line, a second one shows all again; with Shift held, lines are added. */
export function Legend({ series, unit, only, onOnly }: LegendProps) {
  const { t } = useTranslation();
  const rows = useMemo(() => series.map((s): Row => ({ ...s, ...summarize(s.values) })), [series]);
  const number = (id: 'last' | 'average' | 'max', header: string): Column<Row> => ({
    id,
    header,
    width: 92,
    align: 'end',
    sort: (row) => row[id],
    render: (row) => formatUnit(row[id], unit),
  });
  const columns: Column<Row>[] = [
    {
      id: 'series',
      header: t('metrics.series'),
      width: 160,
      grow: true,
      sort: (row) => row.label,
      render: (row) => (
        <span
          className="mono truncate"
          style={{ opacity: only.size > 0 && !only.has(row.key) ? 0.45 : 1 }}
          title={row.label}
        >
          <span style={{ display: 'inline-flex', marginRight: 8 }}>
            <Swatch color={row.color} />
          </span>
          {row.label}
        </span>
      ),
    },
    number('last', t('metrics.last')),
    number('average', t('metrics.average')),
    number('max', t('metrics.max')),
  ];
  const click = (row: Row) => {
    const add = window.event instanceof MouseEvent && window.event.shiftKey;
    if (!add) return onOnly(only.size === 1 && only.has(row.key) ? new Set() : new Set([row.key]));
    const next = new Set(only);
    if (!next.delete(row.key)) next.add(row.key);
    onOnly(next);
  };
  return (
    <DataTable
      id="legend"
      label={t('metrics.legend')}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.key}
      sort={{ id: 'last', desc: true }}
      onOpen={click}
      rowHeight={26}
      maxHeight={360}
    />
  );
}
