// SPDX-License-Identifier: Apache-2.0
import { SegmentedControl } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { type AgentConfigState, useAgentConfig } from '@/api/agents';
import { Section, StatusBadge } from '@/components/blocks';
import { CodeBlock } from '@/components/copy';
import { RowsSkeleton } from '@/components/skeleton';
import { QueryView, Warnings } from '@/components/states';
import { diffLines } from '@/lib/diff';
import { usePatchSearch, useSearchParams } from '@/state/navigation';
import c from './agents.module.css';

export function Configuration({ id }: { id: string }) {
  const { t } = useTranslation();
  const { config } = useSearchParams();
  const patch = usePatchSearch();
  const query = useAgentConfig(id);
  const offered = query.data?.offered;
  const shown = config === 'effective' || !offered ? 'effective' : 'diff';
  return (
    <Section
      title={t('agents.configuration')}
      testId="agent-config"
      side={
        offered && (
          <SegmentedControl
            size="xs"
            value={shown}
            onChange={(value) => patch({ config: value === 'diff' ? undefined : value })}
            data={[
              { value: 'diff', label: t('agents.diff') },
              { value: 'effective', label: t('agents.effective') },
            ]}
          />
        )
      }
    >
      <QueryView query={query} skeleton={<RowsSkeleton rows={6} />}>
        {(data) => (
          <div className={c.stack}>
            {data.status === 'failed' && <Warnings warnings={[t('agents.refused', { error: data.error })]} />}
            {shown === 'effective' ? <CodeBlock text={data.effective} /> : <Diff data={data} />}
          </div>
        )}
      </QueryView>
    </Section>
  );
}

/** What was offered beside what of it is in effect: they differ where the host's own file says otherwise. */
function Diff({ data }: { data: AgentConfigState }) {
  const { t } = useTranslation();
  if (!data.offered) return null;
  const lines = diffLines(data.offered.wanted, data.offered.in_effect);
  const same = lines.every((line) => line.kind === 'same');
  return (
    <>
      <span>
        <b>{data.offered.name}</b>{' '}
        {same ? (
          <StatusBadge kind="ok">{t('agents.inEffect')}</StatusBadge>
        ) : (
          <span className="dim">{t('agents.diffDetail')}</span>
        )}
      </span>
      <div className={c.diff}>
        {lines.map((line, at) => (
          <div key={at} data-kind={line.kind}>
            {`${{ same: ' ', added: '+', removed: '-' }[line.kind]} ${line.text}`}
          </div>
        ))}
      </div>
    </>
  );
}
