// SPDX-License-Identifier: Apache-2.0
import { Button } from '@mantine/core';
import { IconAlertTriangle, IconCircleDashed, IconInfoCircle, IconPlugConnectedX } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '@/api/client';
import c from './components.module.css';

interface EmptyProps {
  title: string;
  children?: ReactNode;
  body?: ReactNode;
}

export function Empty({ title, children, body }: EmptyProps) {
  return (
    <div className={c.state} data-testid="empty">
      <IconCircleDashed size={28} stroke={1.2} className={c.stateIcon} />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {body && <div className={c.stateBody}>{body}</div>}
    </div>
  );
}

export function useErrorText(): (error: unknown) => { title: string; detail: string } {
  const { t } = useTranslation();
  return (error) => {
    if (!(error instanceof ApiError)) return { title: t('error.unexpected'), detail: String(error) };
    if (error.code === 'network') return { title: t('error.network'), detail: t('error.networkDetail') };
    if (error.status === 401) return { title: t('error.unauthenticated'), detail: error.message };
    if (error.status === 429) return { title: t('error.tooMany'), detail: error.message };
    if (error.status === 403) return { title: t('error.forbidden'), detail: error.message };
    if (error.status === 404) return { title: t('error.notFound'), detail: error.message };
    if (error.status === 504 || error.code === 'timeout') return { title: t('error.timeout'), detail: error.message };
    if (error.status === 503) return { title: t('error.unavailable'), detail: error.message };
    if (error.status >= 400 && error.status < 500) return { title: t('error.request'), detail: error.message };
    return { title: t('error.server'), detail: error.message };
  };
}

export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const { title, detail } = useErrorText()(error);
  return (
    <div className={c.state} role="alert">
      <IconPlugConnectedX size={28} stroke={1.2} className={c.stateIcon} />
      <h2>{title}</h2>
      <p style={{ overflowWrap: 'anywhere' }}>{detail}</p>
      {onRetry && (
        <Button variant="default" mt={8} onClick={onRetry}>
          {t('error.retry')}
        </Button>
      )}
    </div>
  );
}

/** One line of trouble beside content that stays. */
export function ErrorNote({ error }: { error: unknown }) {
  const { title, detail } = useErrorText()(error);
  return (
    <div className={c.note} data-kind="error" role="alert">
      <IconAlertTriangle size={14} />
      <span>
        {title}: {detail}
      </span>
    </div>
  );
}

export function Warnings({
  warnings,
  kind = 'warn',
}: {
  warnings: readonly string[] | undefined;
  kind?: 'warn' | 'info';
}) {
  if (!warnings || warnings.length === 0) return null;
  const Icon = kind === 'warn' ? IconAlertTriangle : IconInfoCircle;
  return (
    <div className={c.note} data-kind={kind} role="status">
      <Icon size={14} />
      <div>
        {[...new Set(warnings)].map((warning) => (
          <div key={warning}>{warning}</div>
        ))}
      </div>
    </div>
  );
}

interface QueryLike<T> {
  data: T | undefined;
  error: unknown;
  refetch: () => unknown;
}

interface QueryViewProps<T> {
  query: QueryLike<T>;
  skeleton: ReactNode;
  children: (data: T) => ReactNode;
}

/** Skeleton while there is nothing yet; old data stays while new loads; an error beside old data is a note. */
export function QueryView<T>({ query, skeleton, children }: QueryViewProps<T>) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error ? <ErrorNote error={query.error} /> : null}
        {children(query.data)}
      </>
    );
  }
  if (query.error) return <ErrorState error={query.error} onRetry={() => query.refetch()} />;
  return skeleton;
}
