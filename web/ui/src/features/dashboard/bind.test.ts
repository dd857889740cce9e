// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { bind } from './bind';

const variables = [
  { name: 'instance', kind: 'text' as const },
  { name: 'window', kind: 'window' as const },
];

describe('bind', () => {
  it('puts values and the range of rates into an expression', () => {
    const { expr } = bind(variables, { instance: 'we"b\\:1\n' }, 5);
    expect(expr('rate(a{instance="$instance"}[$window])')).toBe('rate(a{instance="we\\"b\\\\:1\\n"}[60s])');
  });

  it('makes the range of rates at least four steps long', () => {
    expect(bind(variables, {}, 60).expr('[$window]')).toBe('[240s]');
  });

  it('takes a value as it is, whatever it holds', () => {
    expect(bind(variables, { instance: '$& $window' }, 5).expr('"$instance"')).toBe('"$& $window"');
  });

  it('leaves what is no variable of the dashboard', () => {
    expect(bind(variables, { zone: 'x' }, 5).expr('a{b=~"x$",c="$zone",d="$1"}')).toBe('a{b=~"x$",c="$zone",d="$1"}');
  });

  it('does not escape what is no PromQL', () => {
    expect(bind(variables, { instance: 'a"b' }, 5).plain('$instance')).toBe('a"b');
  });

  it('has no value for a text that nobody gave', () => {
    expect(bind(variables, {}, 5).expr('"$instance"')).toBe('""');
  });
});
