// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { useHosts } from '@/api/hosts';
import { Page, Toolbar, useDark } from '@/components/blocks';
import { DataTable } from '@/components/data-table/data-table';
import { FilterBox } from '@/components/filter-box';
import { RowsSkeleton } from '@/components/skeleton';
import { QueryView, Warnings } from '@/components/states';
import { SendData } from '@/features/onboarding/send-data';
import { hostColumns } from '@/features/tables/host-columns';
import { useGo, usePatchSearch, useSearchParams } from '@/state/navigation';
import { decodeSort } from '@/state/url';
import { useView } from '@/state/view';

export function HostsPage() {
  const { t } = useTranslation();
  const { range } = useView();
  const { filter = '', sort } = useSearchParams();
  const patch = usePatchSearch();
  const go = useGo();
  const dark = useDark();
  const query = useHosts(range);
  const wanted = filter.toLowerCase();
  return (
    <Page>
      <QueryView query={query} skeleton={<RowsSkeleton rows={12} />}>
        {(data) =>
          data.hosts.length === 0 ? (
            <SendData title={t('hosts.none')}>{t('hosts.noneDetail')}</SendData>
          ) : (
            <>
              <Toolbar>
                <FilterBox label={t('hosts.filter')} />
                <span className="faint">{t('hosts.count', { count: data.hosts.length })}</span>
              </Toolbar>
              <Warnings warnings={data.warnings} />
              <DataTable
                id="hosts"
                label={t('nav.hosts')}
                columns={hostColumns(t, dark)}
                rows={data.hosts.filter((host) => host.name.toLowerCase().includes(wanted))}
                rowKey={(row) => row.name}
                sort={decodeSort(sort, 'name')}
                onSort={(value) => patch({ sort: value === 'name' ? undefined : value })}
                onOpen={(row) => go(`/hosts/${encodeURIComponent(row.name)}`)}
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
