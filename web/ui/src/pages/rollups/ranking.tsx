// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Rollup, RollupAnswer, RollupGroup, RollupValue } from '@/api/rollups';
import { Section, useDark } from '@/components/blocks';
import type { Column } from '@/components/data-table/columns';
import { DataTable } from '@/components/data-table/data-table';
import { Sparkline } from '@/components/sparkline';
import { formatCount } from '@/lib/format';
import { useView } from '@/state/view';
import { Change, Figure } from './figures';
import { addsUp, measureText, unitOf, zeroIfNone } from './measures';
import { Rank, RawLink, Share, Value } from './ranking-cells';
import c from './rollups.module.css';
import { colorsOf, countedTimes, groupKey, timesOf, valuesAt } from './series';
import { rawQuery, type ViewState } from './view-state';

interface RankingProps {
  rollup: Rollup;
  state: ViewState;
  answer: RollupAnswer;
  onChange: (next: ViewState) => void;
  onDrill: (dimension: string, value: RollupValue) => void;
}

interface Row {
  group: RollupGroup;
  key: string;
  /** From 1; null for folded values, which have no rank. */
  rank: number | null;
}

export function Ranking({ rollup, state, answer, onChange, onDrill }: RankingProps) {
  const { t } = useTranslation();
  const columns = useColumns({ rollup, state, answer, onDrill });
  const rows = useMemo(
    () => [
      ...answer.groups.map((group, i): Row => ({ group, key: groupKey(group), rank: i + 1 })),
      ...answer.others.map((group): Row => ({ group, key: groupKey(group), rank: null })),
    ],
    [answer],
  );
  const open = ({ group }: Row) => {
    const at = Math.max(
      0,
      group.values.findIndex((value) => !value.other),
    );
    const value = group.values[at];
    const dimension = answer.group[at];
    if (value && dimension) onDrill(dimension, value);
  };
  const hidden = answer.hidden.filter((one) => answer.group.includes(one.dimension));
  return (
    <Section
      title={t('rollups.ranking')}
      side={answer.more > 0 && <span>{t('rollups.more', { count: answer.more, n: formatCount(answer.more) })}</span>}
      testId="ranking"
    >
      <DataTable
        id={`rollup-${answer.measures.length}-${answer.group.length}`}
        label={t('rollups.ranking')}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.key}
        sort={{ id: state.measure, desc: state.order === 'desc' }}
        onSort={(sort) => {
          const order = sort.startsWith('-') ? 'desc' : 'asc';
          onChange({ ...state, measure: sort.replace(/^-/, ''), order });
        }}
        onOpen={answer.group.length > 0 ? open : undefined}
        rowHeight={34}
        keyboard
        footer={
          hidden.length > 0 && (
            <div className={c.footer}>
              {hidden.map((one) => (
                <span key={one.dimension}>
                  {t('rollups.hidden', { dimension: one.dimension, count: one.values, n: formatCount(one.values) })}
                </span>
              ))}
            </div>
          )
        }
      />
    </Section>
  );
}

function useColumns({ rollup, state, answer, onDrill }: Omit<RankingProps, 'onChange'>): Column<Row>[] {
  const { t } = useTranslation();
  const { nowMs } = useView();
  const dark = useDark();
  const { definition } = rollup;
  const index = Math.max(0, answer.measures.indexOf(state.measure));
  const ranking = definition.measures[index];
  const colors = useMemo(() => colorsOf(answer.groups, dark), [answer, dark]);
  const times = useMemo(() => timesOf(answer, nowMs), [answer, nowMs]);
  const counted = useMemo(() => (ranking && zeroIfNone(ranking) ? countedTimes(answer) : null), [answer, ranking]);
  const shares = ranking !== undefined && addsUp(ranking);
  const whole = shares
    ? (answer.total.measures[index] ?? 0)
    : Math.max(0, ...[...answer.groups, ...answer.others].map((group) => group.measures[index] ?? 0));
  const narrowFrom = (place: number) => (place === 0 ? undefined : place === 1 ? 700 : 1000 + place * 90);
  const measures = definition.measures.map((measure, i): Column<Row> => {
    const id = measure.name ?? measure.func;
    const unit = unitOf(measure, definition.source);
    const place = i === index ? 0 : i < index ? i + 1 : i;
    return {
      id,
      header: measureText(measure),
      width: answer.total.certain && answer.others.length === 0 && state.conditions.length === 0 ? 100 : 150,
      align: 'end',
      minPage: narrowFrom(place),
      // The server has ranked: the order is kept whatever column stands for it.
      sort: (row) => (row.rank === null ? null : state.order === 'desc' ? -row.rank : row.rank),
      render: (row) => <Figure group={row.group} index={i} unit={unit} />,
    };
  });
  const values = answer.group.map(
    (dimension, i): Column<Row> => ({
      id: `value ${dimension}`,
      header: dimension,
      width: 156,
      grow: true,
      render: ({ group, key }) => {
        const value = group.values[i];
        const hidden = answer.hidden.find((one) => one.dimension === dimension)?.values ?? 0;
        if (!value) return null;
        const color = i === 0 ? (colors.get(key) ?? 'var(--faint)') : undefined;
        return <Value value={value} hidden={hidden} color={color} onOpen={() => onDrill(dimension, value)} />;
      },
    }),
  );
  return [
    {
      id: 'rank',
      header: t('rollups.rank'),
      width: 52,
      align: 'end',
      render: ({ rank, group }) => <Rank rank={rank} certain={group.certain} />,
    },
    ...values,
    ...measures,
    ...(state.compare === ''
      ? []
      : [
          {
            id: 'change',
            header: t('rollups.change'),
            width: 90,
            align: 'end' as const,
            render: ({ group }: Row) => (
              <Change
                group={group}
                index={index}
                unit={ranking ? unitOf(ranking, definition.source) : 'number'}
                zero={ranking !== undefined && zeroIfNone(ranking)}
                unsure={answer.others.length > 0 || !group.certain}
              />
            ),
          },
        ]),
    {
      id: 'share',
      header: shares ? t('rollups.share') : t('rollups.ofLargest'),
      width: 164,
      minPage: 900,
      render: ({ group }) => {
        const value = group.measures[index] ?? null;
        const atLeast = shares && group.high[index] !== group.low[index];
        return (
          <Share
            ratio={value === null || whole <= 0 ? null : value / whole}
            other={group.values.some((v) => v.other)}
            atLeast={atLeast}
          />
        );
      },
    },
    {
      id: 'trend',
      header: t('rollups.trendColumn'),
      width: 116,
      minPage: 900,
      render: ({ group, key }) => (
        <Sparkline values={valuesAt(group, index, times, counted)} color={colors.get(key) ?? '#858d9b'} />
      ),
    },
    {
      id: 'raw',
      header: '',
      width: 36,
      render: ({ group }) => (
        <RawLink
          source={definition.source}
          query={rawQuery(definition, state.conditions, answer.group, group.values)}
        />
      ),
    },
  ];
}
