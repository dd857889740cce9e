// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { Agent, AgentState, RolloutState, TargetState } from '@/api/agents';
import { type Kind, StatusBadge } from '@/components/blocks';

const stateKinds: Record<AgentState, Kind> = { online: 'ok', late: 'warn', offline: 'crit', stopped: 'unknown' };

/** How an agent is: whether it is heard, and when it is, whether it is well. */
export function AgentBadge({ agent }: { agent: Pick<Agent, 'state' | 'healthy' | 'health'> }) {
  const { t } = useTranslation();
  if (agent.state === 'online' && !agent.healthy && agent.health.status) {
    return (
      <span title={agent.health.error}>
        <StatusBadge kind="warn">{t('agents.unhealthy')}</StatusBadge>
      </span>
    );
  }
  return <StatusBadge kind={stateKinds[agent.state]}>{t(`agents.state.${agent.state}`)}</StatusBadge>;
}

const configKinds: Record<string, Kind> = { applied: 'ok', applying: 'warn', failed: 'crit' };

export function ConfigBadge({ config }: { config: Agent['config'] }) {
  const { t } = useTranslation();
  if (config.status === '' && config.id === '') return <span className="faint">{t('agents.ownFile')}</span>;
  const kind = config.status === 'applied' && !config.current ? 'warn' : (configKinds[config.status] ?? 'unknown');
  const word = config.status === 'applied' && !config.current ? 'outdated' : config.status || 'waiting';
  return (
    <span title={config.error || undefined}>
      <StatusBadge kind={kind}>{config.name || t('agents.ownFile')}</StatusBadge>{' '}
      {word !== 'applied' && <span className="dim">{t(`agents.config.${word}`)}</span>}
    </span>
  );
}

const rolloutKinds: Record<RolloutState, Kind> = {
  pending: 'unknown',
  canary: 'warn',
  rest: 'warn',
  rolling_back: 'crit',
  done: 'ok',
  failed: 'crit',
  cancelled: 'unknown',
};

export function RolloutBadge({ state }: { state: RolloutState }) {
  const { t } = useTranslation();
  const word = state === 'rolling_back' ? 'back' : state;
  return <StatusBadge kind={rolloutKinds[state]}>{t(`rollouts.is.${word}`)}</StatusBadge>;
}

export const targetKinds: Record<TargetState, Kind> = {
  waiting: 'unknown',
  offered: 'warn',
  watching: 'warn',
  good: 'ok',
  failed: 'crit',
  restored: 'unknown',
};
