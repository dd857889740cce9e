// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Button, Tabs } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { LogRecord } from '@/api/logs';
import type { Scope, Span } from '@/api/traces';
import { KeyValues, ServiceName, StatusBadge } from '@/components/blocks';
import { CopyButton } from '@/components/copy';
import { formatDuration } from '@/lib/format';
import { originOf } from '@/lib/origin';
import { term } from '@/lib/query';
import { AppLink, usePatchSearch, useSearchParams } from '@/state/navigation';
import { skewNote } from './skew';
import { SpanEvents, SpanLinks, SpanLogs } from './span-details';
import c from './trace-timeline.module.css';

interface SpanDrawerProps {
  span: Span;
  resource: Record<string, string>;
  scope: Scope | undefined;
  orphan: boolean;
  /** Those of this span. */
  logs: LogRecord[];
  onClose: () => void;
}

const panels = ['attributes', 'resource', 'events', 'links', 'logs'] as const;

export function SpanDrawer({ span, resource, scope, orphan, logs, onClose }: SpanDrawerProps) {
  const { t } = useTranslation();
  const { panel } = useSearchParams();
  const patch = usePatchSearch();
  const active =
    panels.find((p) => p === panel) ?? (span.events.length > 0 && span.status === 'error' ? 'events' : 'attributes');
  const kind = span.status === 'error' ? 'crit' : span.status === 'ok' ? 'ok' : 'plain';
  const counts = {
    attributes: Object.keys(span.attributes).length,
    resource: 0,
    events: span.events.length,
    links: span.links.length,
    logs: logs.length,
  };
  return (
    <aside className={c.drawer} aria-label={t('trace.details')} data-testid="span-drawer">
      <div className={c.drawerHead}>
        <div className={c.drawerTitle}>
          <h2>{span.name}</h2>
          <ActionIcon onClick={onClose} aria-label={t('common.close')}>
            <IconX size={16} />
          </ActionIcon>
        </div>
        <div className={c.drawerFacts}>
          <AppLink to={`/services/${encodeURIComponent(span.service)}`} className="link">
            <ServiceName name={span.service} />
          </AppLink>
          <span>{span.kind}</span>
          <span>{formatDuration(span.duration_ns)}</span>
          <span>+{formatDuration(span.offset_ns)}</span>
          <StatusBadge kind={kind}>{t(`status.${span.status}`)}</StatusBadge>
        </div>
        {span.status_message && (
          <div className="crit" style={{ marginTop: 6, fontSize: 12, overflowWrap: 'anywhere' }}>
            {span.status_message}
          </div>
        )}
        {span.clock_skew_ns !== 0 && (
          <div className="warn" style={{ marginTop: 6, fontSize: 12 }} data-testid="span-skew">
            {skewNote(t, span)}
          </div>
        )}
        {orphan && (
          <div className="warn" style={{ marginTop: 6, fontSize: 12 }}>
            {t('trace.orphanDetail', { id: span.parent })}
          </div>
        )}
        <div className={c.drawerFacts}>
          <span className="mono">{span.id}</span>
          <CopyButton text={span.id} label={t('trace.copySpanId')} />
          <CopyButton text={JSON.stringify({ ...span, resource, scope }, null, 2)} label={t('trace.copyJson')} />
          <Button
            variant="subtle"
            size="compact-xs"
            component={AppLink}
            to="/traces"
            search={{ q: `${term('service', span.service)} ${term('name', span.name)}` }}
          >
            {t('trace.similar')}
          </Button>
        </div>
      </div>
      <Tabs
        value={active}
        onChange={(value) => patch({ panel: value === 'attributes' ? undefined : (value ?? undefined) })}
        px={8}
      >
        <Tabs.List>
          {panels.map((p) => (
            <Tabs.Tab key={p} value={p} px={8} py={8} fz={12}>
              {t(`trace.panel.${p}`)} {counts[p] > 0 && <span className="faint">{counts[p]}</span>}
            </Tabs.Tab>
          ))}
        </Tabs.List>
      </Tabs>
      <div className={c.drawerBody}>
        {active === 'attributes' && (
          <KeyValues values={span.attributes} actions={(key, value) => <FilterAction name={key} value={value} />} />
        )}
        {active === 'resource' && (
          <KeyValues
            values={{
              ...resource,
              ...originOf(scope, span.resource_schema_url, span.flags),
            }}
            actions={(_key, value) => <CopyButton text={value} size={18} />}
          />
        )}
        {active === 'events' && <SpanEvents span={span} />}
        {active === 'links' && <SpanLinks span={span} />}
        {active === 'logs' && <SpanLogs logs={logs} />}
      </div>
    </aside>
  );
}

function FilterAction({ name, value }: { name: string; value: string }) {
  const { t } = useTranslation();
  return (
    <>
      <CopyButton text={value} size={18} />
      <Button
        size="compact-xs"
        variant="subtle"
        h={18}
        component={AppLink}
        to="/traces"
        search={{ q: term(`attr.${name}`, value) }}
      >
        {t('trace.findValue')}
      </Button>
    </>
  );
}
