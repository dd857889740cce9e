// SPDX-License-Identifier: Apache-2.0
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { giveHeight, renderAt } from '@/test-utils/render';
import { type Column, sortRows } from './columns';
import { DataTable } from './data-table';

afterEach(() => vi.restoreAllMocks());

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

describe('the width of a table', () => {
  const three: Column<Row>[] = [
    ...columns,
    { id: 'wide', header: 'Wide', width: 300, minPage: 900, render: () => 'wide' },
  ];
  const page = (width: number) => vi.spyOn(window, 'innerWidth', 'get').mockReturnValue(width);
  const table = () => screen.getByRole('table', { name: 't' });
  const show = (more = {}) =>
    renderAt('/', <DataTable id="t" label="t" columns={three} rows={rows} rowKey={(row) => row.name} {...more} />);
  const heads = () => screen.getAllByRole('columnheader').map((head) => head.textContent);

  it('leaves columns out of a narrow page, and asks for no more room than the others need', async () => {
    page(390);
    await show();
    await waitFor(() => expect(heads()).toEqual(['Name', 'Value']));
    expect(table().style.minWidth).toBe('200px');
  });

  it('has all columns on a wide one', async () => {
    page(1440);
    await show();
    expect(heads()).toEqual(['Name', 'Value', 'Wide']);
    expect(table().style.minWidth).toBe('500px');
  });

  it('takes the widths that were chosen before', async () => {
    page(390);
    localStorage.setItem('strata.columns.t', '{"name":250}');
    await show();
    await waitFor(() => expect(table().style.minWidth).toBe('350px'));
    expect(screen.getAllByRole('row')[0]?.style.gridTemplateColumns).toBe('250px 100px');
  });

  it('says that it is empty below its head', async () => {
    await show({ rows: [], empty: 'nothing here' });
    expect(screen.getByText('nothing here')).toBeTruthy();
    expect(heads()).toContain('Name');
  });

  it('shows the rows in sight of very many, and says how many there are', async () => {
    giveHeight(300);
    const many = Array.from({ length: 1000 }, (_, i) => ({ name: `n${i}`, value: i }));
    await show({ rows: many });
    expect(screen.getAllByRole('row').length).toBeLessThan(60);
    expect(table().getAttribute('aria-rowcount')).toBe('1001');
  });

  it('moves the order to the address where the page keeps it', async () => {
    const onSort = vi.fn();
    await show({ onSort, sort: { id: 'name', desc: false } });
    await userEvent.click(screen.getByRole('button', { name: 'Value' }));
    expect(onSort).toHaveBeenLastCalledWith('-value');
    await userEvent.click(screen.getByRole('button', { name: 'Name' }));
    expect(onSort).toHaveBeenLastCalledWith('-name');
    expect(names()).toEqual(['a', 'b', 'c']);
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
