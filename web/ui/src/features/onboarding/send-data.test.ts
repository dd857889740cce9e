// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { otelVariables } from './send-data';

it('has a word for an address that is not known', () => {
  expect(otelVariables('10.0.0.1:4318', false)).toContain('ENDPOINT=http://10.0.0.1:4318\n');
  expect(otelVariables('https://strata.example', false)).toContain('ENDPOINT=https://strata.example\n');
  for (const unknown of [undefined, ''])
    expect(otelVariables(unknown, false)).toContain('ENDPOINT=http://SERVER:4318\n');
});
