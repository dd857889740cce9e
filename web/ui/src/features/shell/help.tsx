// SPDX-License-Identifier: Apache-2.0
import { Kbd, Modal } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { pages } from './pages';
import c from './shell.module.css';

export function HelpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const rows: [string, string][] = [
    ['⌘K', t('palette.open')],
    ['/', t('help.search')],
    ['?', t('help.title')],
    ['j / k', t('help.move')],
    ['Enter', t('help.openRow')],
    ['Esc', t('help.close')],
    ['← / →', t('help.collapse')],
    ...pages.map((page): [string, string] => [`g ${page.key}`, t('help.goTo', { page: t(page.label) })]),
  ];
  return (
    <Modal opened={opened} onClose={onClose} title={t('help.title')} size="lg">
      <div className={c.helpGrid}>
        {rows.map(([keys, label]) => (
          <div key={keys} className={c.helpRow}>
            <span className="dim">{label}</span>
            <Kbd size="xs">{keys}</Kbd>
          </div>
        ))}
      </div>
    </Modal>
  );
}
