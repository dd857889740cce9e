// SPDX-License-Identifier: Apache-2.0
import { Drawer } from '@mantine/core';
import { Outlet } from '@tanstack/react-router';
import { Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { PageSkeleton } from '@/components/skeleton';
import { focusSearch, type Keymap, useKeymap } from '@/state/keyboard';
import { useGo } from '@/state/navigation';
import { useStored } from '@/state/storage';
import { ViewProvider } from '@/state/view';
import { HelpDialog } from './help';
import { pages } from './pages';
import { CommandPalette } from './palette';
import { Rail } from './rail';
import c from './shell.module.css';
import { TopBar } from './top-bar';

export function Shell() {
  return (
    <ViewProvider>
      <Frame />
    </ViewProvider>
  );
}

function Frame() {
  const { t } = useTranslation();
  const go = useGo();
  const [wide, setWide] = useStored('rail-wide', false);
  const [menu, setMenu] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const keymap: Keymap = {
    'mod+k': () => setPalette((open) => !open),
    '/': focusSearch,
    '?': () => setHelp(true),
  };
  for (const page of pages) keymap[`g ${page.key}`] = () => go(page.path);
  useKeymap(keymap);
  return (
    <div className={c.frame} data-wide={wide || undefined}>
      <a className={c.skip} href="#content">
        {t('shell.skip')}
      </a>
      <nav className={c.rail} aria-label={t('shell.navigation')}>
        <Rail wide={wide} onToggle={() => setWide(!wide)} />
      </nav>
      <Drawer opened={menu} onClose={() => setMenu(false)} size={240} withCloseButton={false} padding={0}>
        <Rail wide onNavigate={() => setMenu(false)} />
      </Drawer>
      <div className={c.main}>
        <TopBar onMenu={() => setMenu(true)} onPalette={() => setPalette(true)} onHelp={() => setHelp(true)} />
        <main id="content" className={c.content} tabIndex={-1}>
          <Suspense fallback={<PageSkeleton />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <CommandPalette opened={palette} onClose={() => setPalette(false)} />
      <HelpDialog opened={help} onClose={() => setHelp(false)} />
    </div>
  );
}
