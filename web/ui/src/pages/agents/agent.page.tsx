// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { IconServer } from '@tabler/icons-react';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Agent, type Middleware, section, useAgent, useForgetAgent } from '@/api/agents';
import { KeyValues, Page, Section, Stat, Stats, TimeAgo, Toolbar } from '@/components/blocks';
import { PageSkeleton } from '@/components/skeleton';
import { ErrorNote, QueryView, Warnings } from '@/components/states';
import { formatBytes } from '@/lib/format';
import { AppLink, useGo } from '@/state/navigation';
import { formatLag, lagOf, queueOf } from './agent-list';
import { AgentBadge } from './agent-state';
import c from './agents.module.css';
import { BoardSections } from './board';
import { Configuration } from './configuration';
import { MiddlewareFound } from './middleware-found';

export function AgentPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const query = useAgent(id);
  return (
    <Page>
      <QueryView query={query} skeleton={<PageSkeleton />}>
        {(agent) => <Detail agent={agent} />}
      </QueryView>
    </Page>
  );
}

function Detail({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  return (
    <>
      <div className={c.head}>
        <div>
          <div className={c.title}>
            {agent.host}
            <AgentBadge agent={agent} />
          </div>
          <div className="dim">{[agent.os, agent.version].filter(Boolean).join(' · ')}</div>
        </div>
        <Stats>
          <Stat label={t('agents.lastHeartbeat')}>
            <TimeAgo time={agent.last_heartbeat} />
          </Stat>
          <Stat label={t('agents.lag')}>{formatLag(lagOf(agent))}</Stat>
          <Stat label={t('agents.queue')}>{formatBytes(queueOf(agent))}</Stat>
        </Stats>
        <Actions agent={agent} />
      </div>
      <Trouble agent={agent} />
      <Section title={t('agents.middleware')} testId="agent-middleware">
        <MiddlewareFound list={section<Middleware>(agent.status, 'middleware')} />
      </Section>
      <BoardSections board={agent.status} />
      <Configuration id={agent.id} />
      <Section title={t('agents.about')}>
        <KeyValues values={{ ...agent.labels, source: agent.source, first_seen: agent.first_seen, id: agent.id }} />
      </Section>
    </>
  );
}

function Trouble({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  const notes: string[] = [];
  if (agent.state === 'offline' || agent.state === 'stopped') notes.push(t(`agents.${agent.state}Detail`));
  for (const [name, part] of Object.entries(agent.health.parts ?? {})) {
    if (part.error) notes.push(`${name}: ${part.error}`);
  }
  return <Warnings warnings={notes} />;
}

function Actions({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  const go = useGo();
  const forget = useForgetAgent();
  const [sure, setSure] = useState(false);
  const gone = agent.state === 'offline' || agent.state === 'stopped';
  return (
    <Toolbar>
      <Button
        variant="default"
        component={AppLink}
        to={`/hosts/${encodeURIComponent(agent.host)}`}
        leftSection={<IconServer size={14} />}
      >
        {t('agents.toHost')}
      </Button>
      {gone && (
        <Button
          variant={sure ? 'filled' : 'subtle'}
          color="red"
          loading={forget.isPending}
          onClick={() => (sure ? forget.mutate(agent.id, { onSuccess: () => go('/agents') }) : setSure(true))}
        >
          {sure ? t('agents.forgetSure') : t('agents.forget')}
        </Button>
      )}
      {forget.error && <ErrorNote error={forget.error} />}
    </Toolbar>
  );
}
