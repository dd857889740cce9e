// SPDX-License-Identifier: Apache-2.0
import { MantineProvider } from '@mantine/core';
import { render, screen } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { KeyValues } from './blocks';

describe('key values', () => {
  it('offer the path of what is within maps, and nothing for elements of lists', () => {
    const values = { map: '{"in":{"n":3}}', list: '["one",{"k":"v"}]' };
    render(
      <MantineProvider>
        <KeyValues values={values} actions={(key, value) => <i>{`${key}=${value}`}</i>} />
      </MantineProvider>,
    );
    expect(screen.getByText('map.in.n=3')).toBeDefined();
    expect(screen.getByText(`list=${values.list}`)).toBeDefined();
    expect(screen.getByText('one')).toBeDefined();
    expect(screen.queryByText(/^list\.0/)).toBeNull();
    expect(screen.queryByText(/^list\.1/)).toBeNull();
  });
});
