// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { IconTimeline, IconZoomIn, IconZoomOut } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { LogRecord } from '@/api/logs';
import { KeyValues } from '@/components/blocks';
import { CopyButton } from '@/components/copy';
import { originOf } from '@/lib/origin';
import { formatTime } from '@/lib/time';
import { AppLink } from '@/state/navigation';
import { useView } from '@/state/view';
import c from './log-list.module.css';

interface LogDetailProps {
  row: LogRecord;
  onFilter?: (field: string, value: string, exclude: boolean) => void;
  hideTrace?: boolean;
}

export function LogDetail({ row, onFilter, hideTrace }: LogDetailProps) {
  const { t } = useTranslation();
  const { zone } = useView();
  const fields = Object.fromEntries(
    Object.entries({
      service: row.service,
      host: row.host,
      level: row.severity,
      scope: row.scope.name,
      trace: row.trace_id,
      span: row.span_id,
    }).filter(([, value]) => value !== ''),
  );
  const actions = (prefix: string) => (key: string, value: string) => (
    <>
      <CopyButton text={value} size={18} />
      {onFilter && (
        <>
          <Tooltip label={t('logs.filterFor')}>
            <ActionIcon
              size={18}
              aria-label={`${t('logs.filterFor')} ${key}`}
              onClick={() => onFilter(prefix + key, value, false)}
            >
              <IconZoomIn size={13} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={t('logs.filterOut')}>
            <ActionIcon
              size={18}
              aria-label={`${t('logs.filterOut')} ${key}`}
              onClick={() => onFilter(prefix + key, value, true)}
            >
              <IconZoomOut size={13} />
            </ActionIcon>
          </Tooltip>
        </>
      )}
    </>
  );
  return (
    <div className={c.detail} data-testid="log-detail">
      <div className={c.detailHead}>
        <span className="dim">{formatTime(row.time, zone, true)}</span>
        {row.event_name && <b>{row.event_name}</b>}
        {row.trace_id && !hideTrace && (
          <Button
            variant="light"
            size="compact-xs"
            component={AppLink}
            to={`/traces/${row.trace_id}`}
            search={{ span: `${row.span_id}@${row.service}` }}
            leftSection={<IconTimeline size={13} />}
          >
            {t('logs.openTrace')}
          </Button>
        )}
        <CopyButton text={row.body} label={t('logs.copyBody')} />
        <CopyButton text={JSON.stringify(row, null, 2)} label={t('logs.copyJson')} />
      </div>
      <pre className={c.full}>{row.body}</pre>
      <div className={c.columns}>
        <div>
          <h3>{t('logs.fields')}</h3>
          <KeyValues values={fields} actions={actions('')} />
        </div>
        {Object.keys(row.attributes).length > 0 && (
          <div>
            <h3>{t('logs.attributes')}</h3>
            <KeyValues values={row.attributes} actions={actions('attr.')} />
          </div>
        )}
        <div>
          <h3>{t('logs.resource')}</h3>
          <KeyValues values={row.resource} actions={actions('resource.')} />
          <KeyValues
            values={originOf(row.scope, row.resource_schema_url, row.flags)}
            actions={(_key, value) => <CopyButton text={value} size={18} />}
          />
        </div>
      </div>
    </div>
  );
}
