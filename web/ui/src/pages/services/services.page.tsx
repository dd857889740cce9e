// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { useServices } from '@/api/services';
import { Page, Toolbar, useDark } from '@/components/blocks';
import { DataTable } from '@/components/data-table/data-table';
import { FilterBox } from '@/components/filter-box';
import { RowsSkeleton } from '@/components/skeleton';
import { QueryView, Warnings } from '@/components/states';
import { SendData } from '@/features/onboarding/send-data';
import { serviceColumns, serviceKey } from '@/features/tables/service-columns';
import { useGo, usePatchSearch, useSearchParams } from '@/state/navigation';
import { decodeSort } from '@/state/url';
import { useView } from '@/state/view';

export function ServicesPage() {
  const { t } = useTranslation();
  const { range, env } = useView();
  const { filter = '', sort } = useSearchParams();
  const patch = usePatchSearch();
  const go = useGo();
  const dark = useDark();
  const query = useServices(range, env);
  const wanted = filter.toLowerCase();
  return (
    <Page>
      <QueryView query={query} skeleton={<RowsSkeleton rows={12} />}>
        {(data) =>
          data.services.length === 0 ? (
            <SendData title={t('services.none')} />
          ) : (
            <>
              <Toolbar>
                <FilterBox label={t('services.filter')} />
                <span className="faint">{t('services.count', { count: data.services.length })}</span>
              </Toolbar>
              <Warnings warnings={data.warnings} />
              <DataTable
                id="services"
                label={t('nav.services')}
                columns={serviceColumns(t, dark)}
                rows={data.services.filter((row) => row.name.toLowerCase().includes(wanted))}
                rowKey={serviceKey}
                sort={decodeSort(sort, '-rate')}
                onSort={(value) => patch({ sort: value === '-rate' ? undefined : value })}
                onOpen={(row) => go(`/services/${encodeURIComponent(row.name)}`)}
                empty={t('common.noMatch')}
                keyboard
                rowHeight={36}
              />
            </>
          )
        }
      </QueryView>
    </Page>
  );
}
