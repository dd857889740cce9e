// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { LogRecord } from '@/api/logs';
import type { Span } from '@/api/traces';
import { KeyValues } from '@/components/blocks';
import { formatDuration } from '@/lib/format';
import { formatStamp } from '@/lib/time';
import { AppLink } from '@/state/navigation';
import { useView } from '@/state/view';
import c from './trace-timeline.module.css';

const stack = 'exception.stacktrace';

export function SpanEvents({ span }: { span: Span }) {
  const { t } = useTranslation();
  if (span.events.length === 0) return <span className="faint">{t('trace.noEvents')}</span>;
  return span.events.map((event, i) => {
    const { [stack]: trace, ...rest } = event.attributes;
    return (
      <div key={i} className={c.event}>
        <div className={c.eventHead}>
          <span>{event.name}</span>
          <span className="faint">+{formatDuration(event.offset_ns)}</span>
        </div>
        {Object.keys(rest).length > 0 && <KeyValues values={rest} />}
        {trace && <pre>{trace}</pre>}
      </div>
    );
  });
}

export function SpanLinks({ span }: { span: Span }) {
  const { t } = useTranslation();
  if (span.links.length === 0) return <span className="faint">{t('trace.noLinks')}</span>;
  return span.links.map((link, i) => (
    <div key={i} className={c.event}>
      <AppLink to={`/traces/${link.trace_id}`} search={{ span: link.span_id }} className="accent mono">
        {link.trace_id}
      </AppLink>
      {Object.keys(link.attributes).length > 0 && <KeyValues values={link.attributes} />}
    </div>
  ));
}

export function SpanLogs({ logs }: { logs: LogRecord[] }) {
  const { t } = useTranslation();
  const { zone } = useView();
  if (logs.length === 0) return <span className="faint">{t('trace.noLogs')}</span>;
  return logs.map((log) => (
    <div key={log.id} className={c.event}>
      <div className={c.eventHead}>
        <span className={log.severity_number >= 17 ? 'crit' : log.severity_number >= 13 ? 'warn' : 'dim'}>
          {log.severity}
        </span>
        <span className="faint">{formatStamp(log.time, zone)}</span>
      </div>
      <div className="mono" style={{ fontSize: 11.5, overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
        {log.body}
      </div>
    </div>
  ));
}
