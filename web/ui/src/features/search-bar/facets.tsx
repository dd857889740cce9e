// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Facet, FacetList } from '@/api/traces';
import { Swatch, useDark } from '@/components/blocks';
import { formatNumber } from '@/lib/format';
import { hasTerm, term, toggleTerm } from '@/lib/query';
import { levelColor } from '@/theme/colors';
import c from './search-bar.module.css';

interface FacetsProps {
  data: FacetList | undefined;
  query: string;
  onQuery: (query: string) => void;
}

const folded = 6;

export function Facets({ data, query, onQuery }: FacetsProps) {
  const { t } = useTranslation();
  return (
    <aside className={c.facets} aria-label={t('search.facets')}>
      {data?.facets
        .filter((facet) => facet.values.length > 0)
        .map((facet) => (
          <FacetGroup key={facet.field} facet={facet} query={query} onQuery={onQuery} />
        ))}
    </aside>
  );
}

function FacetGroup({ facet, query, onQuery }: { facet: Facet; query: string; onQuery: (query: string) => void }) {
  const { t } = useTranslation();
  const dark = useDark();
  const [all, setAll] = useState(false);
  const values = all ? facet.values : facet.values.slice(0, folded);
  const rest = facet.values.length - values.length;
  return (
    <div>
      <div className={c.facetTitle}>{facet.field}</div>
      {values.map(({ value, count }) => {
        const wanted = term(facet.field, value);
        return (
          <button
            key={value}
            type="button"
            className={c.facet}
            aria-pressed={hasTerm(query, wanted)}
            onClick={() => onQuery(toggleTerm(query, wanted))}
            title={value}
          >
            {facet.field === 'service' && <Swatch name={value} />}
            {facet.field === 'level' && <Swatch color={levelColor(value, dark)} />}
            <span className="truncate">{value === '' ? t('search.noValue') : value}</span>
            <span>{formatNumber(count)}</span>
          </button>
        );
      })}
      {rest > 0 && (
        <button type="button" className={c.more} onClick={() => setAll(true)}>
          {t('search.more', { count: rest })}
        </button>
      )}
      {rest === 0 && facet.distinct > facet.values.length && (
        <div className={c.more}>{t('search.rarer', { count: facet.distinct - facet.values.length })}</div>
      )}
    </div>
  );
}
