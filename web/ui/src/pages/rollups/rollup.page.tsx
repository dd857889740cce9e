// SPDX-License-Identifier: Apache-2.0
import { useParams } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type Rollup, type RollupAnswer, useRollup, useRollupQuery } from '@/api/rollups';
import { Page } from '@/components/blocks';
import { PageSkeleton, RowsSkeleton } from '@/components/skeleton';
import { Empty, QueryView, Warnings } from '@/components/states';
import { formatTime } from '@/lib/time';
import { usePatchSearch, useSearchParams } from '@/state/navigation';
import { useView } from '@/state/view';
import { Conditions } from './conditions';
import { Controls } from './controls';
import { Figures } from './figures';
import { everyFor } from './measures';
import { Ranking } from './ranking';
import { RollupHead } from './rollup-head';
import c from './rollups.module.css';
import { Trend } from './trend';
import { drill, queryOf, readState, type ViewState, writeState } from './view-state';

export function RollupPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const query = useRollup(id);
  return (
    <Page>
      <QueryView query={query} skeleton={<PageSkeleton />}>
        {(data) => (
          <div className={c.view}>
            <RollupHead detail={data} />
            <View rollup={data.rollup} />
          </div>
        )}
      </QueryView>
    </Page>
  );
}

function View({ rollup }: { rollup: Rollup }) {
  const { t } = useTranslation();
  const { range, env } = useView();
  const search = useSearchParams();
  const patch = usePatchSearch();
  const { definition } = rollup;
  const state = useMemo(() => readState(search, definition), [search, definition]);
  const every = everyFor(range.end - range.start, definition.step);
  const query = useRollupQuery(rollup.id, rollup.version, queryOf(state, every), range);
  const change = (next: ViewState, push = false) => patch(writeState(next, definition), { push });
  return (
    <>
      <Controls definition={definition} state={state} onChange={change} />
      <Conditions definition={definition} state={state} onChange={(next) => change(next, true)} />
      {env && <Warnings kind="info" warnings={[t('rollups.allEnvironments', { env })]} />}
      <QueryView query={query} skeleton={<RowsSkeleton rows={12} />}>
        {(answer) => (
          <Answer
            rollup={rollup}
            state={state}
            answer={answer}
            onChange={change}
            onDrill={(dimension, value) => change(drill(state, definition, dimension, value), true)}
          />
        )}
      </QueryView>
    </>
  );
}

interface AnswerProps {
  rollup: Rollup;
  state: ViewState;
  answer: RollupAnswer;
  onChange: (next: ViewState) => void;
  onDrill: Parameters<typeof Ranking>[0]['onDrill'];
}

function Answer({ rollup, state, answer, onChange, onDrill }: AnswerProps) {
  const { t } = useTranslation();
  const { zone } = useView();
  const warnings = [...answer.warnings];
  const before = Date.parse(answer.range.start) - Date.parse(rollup.created_at);
  if (state.compare !== '' && !comparable(answer)) {
    warnings.push(
      t(before < 0 ? 'rollups.notComparable' : 'rollups.nothingBefore', { time: formatTime(rollup.created_at, zone) }),
    );
  }
  const nothing = answer.groups.length === 0 && answer.others.length === 0;
  return (
    <>
      <Warnings kind={answer.hidden.length > 0 ? 'warn' : 'info'} warnings={warnings} />
      {nothing ? (
        <Nothing rollup={rollup} state={state} answer={answer} />
      ) : (
        <>
          <Figures rollup={rollup} state={state} answer={answer} />
          <Trend rollup={rollup} state={state} answer={answer} />
          <Ranking rollup={rollup} state={state} answer={answer} onChange={onChange} onDrill={onDrill} />
        </>
      )}
    </>
  );
}

/** Whether anything was counted in the range that is compared with. */
const comparable = (answer: RollupAnswer) =>
  answer.total.previous?.some((value) => value !== null && value !== 0) ?? false;

/** Why there is nothing, as far as it is known. */
function Nothing({ rollup, state, answer }: { rollup: Rollup; state: ViewState; answer: RollupAnswer }) {
  const { t } = useTranslation();
  const { zone } = useView();
  const since = { time: formatTime(rollup.created_at, zone) };
  const title = t('rollups.empty');
  if (Date.parse(answer.range.end) <= Date.parse(rollup.created_at))
    return <Empty title={title}>{t('rollups.emptyBefore', since)}</Empty>;
  if (answer.total.high.some((value) => value !== null && value > 0)) {
    return (
      <>
        <Figures rollup={rollup} state={state} answer={answer} />
        <Empty title={t('rollups.maybe')}>{t('rollups.maybeDetail')}</Empty>
      </>
    );
  }
  if (state.conditions.length > 0) return <Empty title={title}>{t('rollups.emptyConditions')}</Empty>;
  if (rollup.paused) return <Empty title={title}>{t('rollups.emptyPaused')}</Empty>;
  const { filter } = rollup.definition;
  return (
    <Empty title={title}>
      {filter ? t('rollups.emptyFilter', { ...since, filter }) : t('rollups.emptyAll', since)}
    </Empty>
  );
}
