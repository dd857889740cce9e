// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { panelQuery } from './pack-panel';

it('puts instance and window into an expression', () => {
  expect(panelQuery('rate(a{instance="$instance"}[$window])', 'we"b:1', 5)).toBe('rate(a{instance="we\\"b:1"}[60s])');
  expect(panelQuery('a{instance="$instance"}[$window]', '$&', 60)).toBe('a{instance="$&"}[240s]');
});
