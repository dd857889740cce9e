// SPDX-License-Identifier: Apache-2.0
import { TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { usePatchSearch, useSearchParams } from '@/state/navigation';

/** The filter of a list by name, kept in the URL. It is what "/" goes to. */
export function FilterBox({ label }: { label: string }) {
  const { filter = '' } = useSearchParams();
  const patch = usePatchSearch();
  return (
    <TextInput
      data-search
      w={260}
      leftSection={<IconSearch size={14} />}
      placeholder={label}
      aria-label={label}
      value={filter}
      onChange={(event) => patch({ filter: event.target.value })}
    />
  );
}
