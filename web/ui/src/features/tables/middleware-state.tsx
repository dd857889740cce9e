// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { InstanceState } from '@/api/middleware';
import { type Kind, StatusBadge } from '@/components/blocks';

const kinds: Record<InstanceState, Kind> = { collecting: 'ok', limited: 'warn', failed: 'warn', down: 'crit' };

/** Sorted by what needs a person first. */
export const stateOrder: InstanceState[] = ['down', 'failed', 'limited', 'collecting'];

export function StateBadge({ state }: { state: InstanceState }) {
  const { t } = useTranslation();
  return <StatusBadge kind={kinds[state]}>{t(`instance.${state}`)}</StatusBadge>;
}

export const instancePath = (kind: string, instance: string) =>
  `/middleware/${encodeURIComponent(kind)}/${encodeURIComponent(instance)}`;
