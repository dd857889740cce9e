// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Kbd, Select, Tooltip } from '@mantine/core';
import { IconCheck, IconKeyboard, IconMenu2, IconSearch, IconShare2 } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAgent } from '@/api/agents';
import { useRollup } from '@/api/rollups';
import { useEnvironments } from '@/api/services';
import { copyText } from '@/components/copy';
import { RefreshControl } from '@/features/time-range/refresh-control';
import { TimeControl } from '@/features/time-range/time-control';
import { AppLink, usePatchSearch, usePathname } from '@/state/navigation';
import { parseSearch, stringifySearch, toIso } from '@/state/url';
import { useView } from '@/state/view';
import { pages } from './pages';
import c from './shell.module.css';

interface TopBarProps {
  onMenu: () => void;
  onPalette: () => void;
  onHelp: () => void;
}

export function TopBar({ onMenu, onPalette, onHelp }: TopBarProps) {
  const { t } = useTranslation();
  return (
    <header className={c.bar}>
      <ActionIcon className={c.menuButton} onClick={onMenu} aria-label={t('shell.menu')}>
        <IconMenu2 size={18} />
      </ActionIcon>
      <Breadcrumb />
      <button type="button" className={c.search} onClick={onPalette} aria-label={t('palette.open')}>
        <IconSearch size={14} />
        <span>{t('palette.open')}</span>
        <Kbd size="xs">⌘K</Kbd>
      </button>
      <div className={c.tools}>
        <EnvironmentSwitch />
        <TimeControl />
        <RefreshControl />
        <ShareButton />
        <Tooltip label={t('help.title')}>
          <ActionIcon onClick={onHelp} aria-label={t('help.title')} visibleFrom="sm">
            <IconKeyboard size={17} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
      </div>
    </header>
  );
}

function Breadcrumb() {
  const { t } = useTranslation();
  const path = usePathname();
  const segments = path.split('/').filter(Boolean);
  const page = pages.find((p) => p.path === `/${segments[0] ?? ''}`);
  // What comes behind the id of a rollup is what is done with it.
  const last = segments[0] === 'rollups' ? 1 : segments.length - 1;
  const leaf = segments.length > 1 ? decodeURIComponent(segments[last] ?? '') : '';
  const label = page ? t(page.label) : t('notFound.title');
  return (
    <div className={c.crumbs}>
      {leaf ? (
        <>
          <AppLink to={page?.path ?? '/'}>{label}</AppLink>
          <span className="faint">/</span>
          <h1 className="truncate" title={leaf}>
            {segments[0] === 'agents' ? (
              <AgentName id={leaf} />
            ) : segments[0] === 'rollups' ? (
              <RollupName id={leaf} />
            ) : (
              leaf
            )}
          </h1>
        </>
      ) : (
        <h1>{label}</h1>
      )}
    </div>
  );
}

/** An agent is addressed by its id and known by its host. */
function AgentName({ id }: { id: string }) {
  return <>{useAgent(id).data?.host ?? id}</>;
}

function RollupName({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data } = useRollup(id === 'new' ? '' : id);
  return <>{id === 'new' ? t('rollups.new') : (data?.rollup.name ?? id)}</>;
}

function EnvironmentSwitch() {
  const { t } = useTranslation();
  const { range, env } = useView();
  const patch = usePatchSearch();
  const { data } = useEnvironments(range);
  const names = data?.filter((name) => name !== '') ?? [];
  if (names.length < 2 && !env) return null;
  const all = [...new Set([...names, ...(env ? [env] : [])])];
  return (
    <Select
      aria-label={t('env.label')}
      data={[{ value: '', label: t('env.all') }, ...all.map((name) => ({ value: name, label: name }))]}
      value={env ?? ''}
      onChange={(value) => patch({ env: value || undefined }, { push: true })}
      w={146}
      comboboxProps={{ width: 180 }}
    />
  );
}

function ShareButton() {
  const { t } = useTranslation();
  const { range } = useView();
  const [copied, setCopied] = useState(false);
  const share = async () => {
    const search = {
      ...parseSearch(location.search),
      from: toIso(range.start),
      to: toIso(range.end),
      refresh: undefined,
    };
    await copyText(location.origin + location.pathname + stringifySearch(search));
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  const label = copied ? t('common.copied') : t('share.label');
  return (
    <Tooltip label={label}>
      <ActionIcon onClick={share} aria-label={t('share.label')}>
        {copied ? <IconCheck size={17} /> : <IconShare2 size={17} stroke={1.6} />}
      </ActionIcon>
    </Tooltip>
  );
}
