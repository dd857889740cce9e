// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import type { Signal } from '@/api/fields';
import c from './search-bar.module.css';

export function SearchHelp({ signal }: { signal: Signal }) {
  const { t } = useTranslation();
  const rows: [string, string][] = [
    [
      signal === 'logs' ? '"card declined"' : 'checkout',
      signal === 'logs' ? t('search.wordsLogs') : t('search.wordsTraces'),
    ],
    ['service:cart,checkout', t('search.anyOf')],
    ['route:/api/*', t('search.wildcard')],
    signal === 'logs' ? ['level>=warn', t('search.compare')] : ['duration>500ms', t('search.compare')],
    signal === 'logs' ? ['trace:*', t('search.exists')] : ['status:5xx', t('search.status')],
    ['-host:web-1', t('search.not')],
    ['(a OR b) c', t('search.group')],
    ['attr.user.tier:gold', t('search.attribute')],
  ];
  return (
    <table className={c.help}>
      <tbody>
        {rows.map(([form, meaning]) => (
          <tr key={form}>
            <td className="mono">{form}</td>
            <td className="dim">{meaning}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
