// SPDX-License-Identifier: Apache-2.0
import { Button, Modal } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useHosts } from '@/api/hosts';
import { Page, Toolbar, useDark } from '@/components/blocks';
import { DataTable } from '@/components/data-table/data-table';
import { FilterBox } from '@/components/filter-box';
import { RowsSkeleton } from '@/components/skeleton';
import { Empty, QueryView, Warnings } from '@/components/states';
import { AddHost } from '@/features/onboarding/add-host';
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
  const [adding, setAdding] = useState(false);
  const wanted = filter.toLowerCase();
  return (
    <Page>
      <QueryView query={query} skeleton={<RowsSkeleton rows={12} />}>
        {(data) =>
          data.hosts.length === 0 ? (
            <Empty title={t('hosts.none')} body={<AddHost />} />
          ) : (
            <>
              <Toolbar>
                <FilterBox label={t('hosts.filter')} />
                <span className="faint">{t('hosts.count', { count: data.hosts.length })}</span>
                <Button
                  ml="auto"
                  variant="default"
                  leftSection={<IconPlus size={14} />}
                  onClick={() => setAdding(true)}
                >
                  {t('addHost.title')}
                </Button>
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
      <Modal opened={adding} onClose={() => setAdding(false)} title={t('addHost.title')} size="lg">
        <AddHost />
      </Modal>
    </Page>
  );
}
