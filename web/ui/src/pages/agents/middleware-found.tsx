// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { Middleware } from '@/api/agents';
import { type Kind, StatusBadge, TimeAgo } from '@/components/blocks';
import { CodeBlock } from '@/components/copy';
import c from './agents.module.css';

const kinds: Record<string, Kind> = { collecting: 'ok', limited: 'warn', failed: 'crit', down: 'crit' };

/** What the agent found on its host, and for each what is missing to collect more, with the line to add. */
export function MiddlewareFound({ list }: { list: Middleware[] }) {
  const { t } = useTranslation();
  if (list.length === 0) return <span className="faint">{t('agents.foundNothing')}</span>;
  return (
    <div>
      {list.map((item) => (
        <div key={`${item.kind} ${item.instance}`} className={c.found}>
          <div className={c.foundHead}>
            <b>{item.kind}</b>
            <span className="mono">{item.instance}</span>
            <StatusBadge kind={kinds[item.state] ?? 'unknown'}>
              {item.state in kinds ? t(`agents.found.${item.state}`) : item.state}
            </StatusBadge>
            {item.version && <span className="dim">{item.version}</span>}
            <span className="faint">
              <TimeAgo time={item.since} />
            </span>
            <span className="dim">{item.collects?.join(', ')}</span>
          </div>
          {item.error && <span className="crit">{item.error}</span>}
          {item.missing?.map((missing) => (
            <div key={missing.what} className={c.stack}>
              <span>
                {t('agents.missing', { what: missing.what })} <span className="dim">{missing.why}</span>
              </span>
              {missing.how && <CodeBlock text={missing.how} />}
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}
