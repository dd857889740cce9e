// SPDX-License-Identifier: Apache-2.0
import { Tooltip } from '@mantine/core';
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { useAlerts } from '@/api/alerts';
import { AppLink, usePathname } from '@/state/navigation';
import { isActive, pages } from './pages';
import c from './shell.module.css';

interface RailProps {
  wide: boolean;
  onToggle?: () => void;
  onNavigate?: () => void;
}

export function Rail({ wide, onToggle, onNavigate }: RailProps) {
  const { t } = useTranslation();
  const path = usePathname();
  const firing = (useAlerts().data ?? []).filter((alert) => alert.state === 'firing').length;
  const toggleLabel = wide ? t('shell.collapse') : t('shell.expand');
  return (
    <div className={c.railInner}>
      <AppLink to="/" className={c.brand} onClick={onNavigate} aria-label="Strata">
        <img src="/favicon.svg" alt="" />
        {wide && <span>Strata</span>}
      </AppLink>
      {pages.map((page) => {
        const label = t(page.label);
        const current = isActive(page.path, path);
        const count = page.path === '/alerts' ? firing : 0;
        return (
          <Tooltip key={page.path} label={label} position="right" disabled={wide} openDelay={0}>
            <AppLink
              to={page.path}
              className={c.item}
              aria-current={current ? 'page' : undefined}
              aria-label={label}
              onClick={onNavigate}
              style={{ position: 'relative' }}
            >
              <page.icon size={18} stroke={1.6} />
              {wide && <span>{label}</span>}
              {count > 0 && (wide ? <span className={c.count}>{count}</span> : <span className={c.dot} />)}
            </AppLink>
          </Tooltip>
        );
      })}
      <div className={c.spring} />
      {onToggle && (
        <Tooltip label={toggleLabel} position="right" disabled={wide} openDelay={0}>
          <button type="button" className={c.item} onClick={onToggle} aria-label={toggleLabel}>
            {wide ? (
              <IconLayoutSidebarLeftCollapse size={18} stroke={1.6} />
            ) : (
              <IconLayoutSidebarLeftExpand size={18} stroke={1.6} />
            )}
            {wide && <span>{toggleLabel}</span>}
          </button>
        </Tooltip>
      )}
    </div>
  );
}
