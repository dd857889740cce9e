// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { LedgerRow, LedgerTotal } from '@/api/ledger';
import { StatusBadge } from '@/components/blocks';
import { formatCount } from '@/lib/format';
import c from './health.module.css';
import { reasons } from './ledger-math';

const signalKeys = { metrics: 'signal.metrics', traces: 'signal.traces', logs: 'signal.logs' } as const;

export function TotalCard({ total, rows }: { total: LedgerTotal; rows: LedgerRow[] }) {
  const { t } = useTranslation();
  const lines: [string, number, string?][] = [
    [t('health.received'), total.received],
    [t('health.accepted'), total.accepted],
    [t('health.stored'), total.stored],
    [t('health.inFlight'), total.in_flight],
    [t('health.refused'), total.refused, total.refused > 0 ? 'warn' : undefined],
    [t('health.resent'), total.resent, total.resent > 0 ? 'warn' : undefined],
    [t('health.rejected'), total.rejected, total.rejected > 0 ? 'crit' : undefined],
  ];
  return (
    <div className={c.total}>
      <div className={c.totalHead}>
        <b>{t(signalKeys[total.signal])}</b>
        <StatusBadge kind={total.balanced ? 'ok' : 'crit'}>
          {total.balanced ? t('health.balanced') : t('health.unbalanced')}
        </StatusBadge>
      </div>
      <dl>
        {lines.map(([label, value, tone]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd className={value === 0 ? 'faint' : tone}>{formatCount(value)}</dd>
          </div>
        ))}
        {reasons(rows, total.signal).map(({ reason, count }) => (
          <div key={reason}>
            <dt className={c.reason}>{reason}</dt>
            <dd className="warn">{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
