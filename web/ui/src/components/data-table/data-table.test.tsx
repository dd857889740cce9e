// SPDX-License-Identifier: Apache-2.0
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { renderAt } from '@/test-utils/render';
import { type Column, sortRows } from './columns';
import { DataTable } from './data-table';

interface Row {
  name: string;
  value: number | null;
}

const columns: Column<Row>[] = [
  { id: 'name', header: 'Name', width: 100, sort: (row) => row.name, render: (row) => row.name },
  {
    id: 'value',
    header: 'Value',
    width: 100,
    align: 'end',
    sort: (row) => row.value,
    render: (row) => String(row.value),
  },
];
const rows: Row[] = [
  { name: 'b', value: 2 },
  { name: 'a', value: null },
  { name: 'c', value: 10 },
];

const names = () =>
  screen
    .getAllByRole('row')
    .slice(1)
    .map((row) => within(row).getAllByRole('cell')[0]?.textContent);

describe('DataTable', () => {
  it('sorts by a click on the header, missing values last', async () => {
    await renderAt('/', <DataTable id="t" label="t" columns={columns} rows={rows} rowKey={(row) => row.name} />);
    expect(names()).toEqual(['b', 'a', 'c']);
    await userEvent.click(screen.getByRole('button', { name: 'Value' }));
    expect(names()).toEqual(['c', 'b', 'a']);
    await userEvent.click(screen.getByRole('button', { name: 'Value' }));
    expect(names()).toEqual(['b', 'c', 'a']);
  });

  it('moves with j and k and opens with Enter', async () => {
    const onOpen = vi.fn();
    await renderAt(
      '/',
      <DataTable id="t" label="t" columns={columns} rows={rows} rowKey={(row) => row.name} onOpen={onOpen} keyboard />,
    );
    await userEvent.keyboard('jjk{Enter}');
    expect(onOpen).toHaveBeenCalledWith(rows[0]);
  });
});

it('sortRows orders numbers inside names', () => {
  const sorted = sortRows(
    [
      { name: 'n10', value: 0 },
      { name: 'n9', value: 0 },
    ],
    columns[0],
    false,
  );
  expect(sorted.map((row) => row.name)).toEqual(['n9', 'n10']);
});
