// SPDX-License-Identifier: Apache-2.0
import { useParams } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { type Definition, useRollup } from '@/api/rollups';
import { Page } from '@/components/blocks';
import { PageSkeleton } from '@/components/skeleton';
import { QueryView, Warnings } from '@/components/states';
import { RollupForm } from './rollup-form';

const blank: Definition = {
  name: '',
  source: 'spans',
  filter: 'kind:server',
  dimensions: ['service', 'route'],
  measures: [{ func: 'count' }, { func: 'p95', field: 'duration' }],
  step: '10s',
  retention: '365d',
};

export function RollupFormPage() {
  const { id } = useParams({ strict: false }) as { id?: string };
  return <Page>{id === undefined ? <RollupForm id={null} from={blank} /> : <EditForm id={id} />}</Page>;
}

function EditForm({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useRollup(id);
  return (
    <QueryView query={query} skeleton={<PageSkeleton />}>
      {({ rollup }) => (
        <>
          <Warnings warnings={[t('rollups.editEmpties')]} />
          <RollupForm key={rollup.version} id={id} from={rollup.definition} />
        </>
      )}
    </QueryView>
  );
}
