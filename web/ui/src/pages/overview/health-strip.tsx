// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { useLedger } from '@/api/ledger';
import { useStatus } from '@/api/status';
import { StatusBadge } from '@/components/blocks';
import { formatNumber } from '@/lib/format';
import { AppLink } from '@/state/navigation';
import { useView } from '@/state/view';
import c from './overview.module.css';

const unitKeys = { metrics: 'health.points', traces: 'health.spans', logs: 'health.records' } as const;
const signalKeys = { metrics: 'signal.metrics', traces: 'signal.traces', logs: 'signal.logs' } as const;

/** Is the data whole? What came in, whether every record is accounted for, and how far storage is behind. */
export function HealthStrip() {
  const { t } = useTranslation();
  const { range } = useView();
  const ledger = useLedger(range).data;
  const status = useStatus().data;
  if (!ledger && !status) return null;
  const lag = ledger?.bus.reduce((sum, topic) => sum + topic.lag_records, 0) ?? 0;
  const troubled = status?.components.filter((component) => component.state !== 'ok') ?? [];
  return (
    <div className={c.strip} data-testid="health-strip">
      {ledger?.totals.map((total) => (
        <AppLink key={total.signal} to="/data-health" className={c.cell}>
          <span className={c.cellHead}>
            {t(signalKeys[total.signal])}
            <StatusBadge kind={total.balanced ? 'ok' : 'crit'}>
              {total.balanced ? t('health.balanced') : t('health.unbalanced')}
            </StatusBadge>
          </span>
          <span className={c.value}>{formatNumber(total.received)}</span>
          <span className={c.sub}>
            {t(unitKeys[total.signal])}
            {total.refused + total.rejected > 0 &&
              ` · ${t('health.lost', { n: formatNumber(total.refused + total.rejected) })}`}
          </span>
        </AppLink>
      ))}
      {ledger && (
        <AppLink to="/data-health" className={c.cell}>
          <span className={c.cellHead}>{t('health.busLag')}</span>
          <span className={c.value}>{formatNumber(lag)}</span>
          <span className={c.sub}>{t('health.records')}</span>
        </AppLink>
      )}
      {status && (
        <AppLink to="/data-health" className={c.cell}>
          <span className={c.cellHead}>
            {t('health.components')}
            <StatusBadge
              kind={troubled.length === 0 ? 'ok' : troubled.some((x) => x.state === 'down') ? 'crit' : 'warn'}
            >
              {troubled.length === 0 ? t('health.allOk') : t('health.troubled', { count: troubled.length })}
            </StatusBadge>
          </span>
          <span className={c.value}>{status.components.length}</span>
          <span className={`${c.sub} truncate`}>{troubled.map((x) => x.name).join(', ') || status.version}</span>
        </AppLink>
      )}
    </div>
  );
}
