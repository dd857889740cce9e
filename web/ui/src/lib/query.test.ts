// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import * as q from './query';

describe('term', () => {
  it.each([
    ['checkout', 'service:checkout'],
    ['card declined', 'service:"card declined"'],
    ['a"b\\c', 'service:"a\\"b\\\\c"'],
    ['', 'service:""'],
    ['OR', 'service:"OR"'],
    ['a*', 'service:"a*"'],
    ['-x', 'service:"-x"'],
    ['<img>', 'service:"<img>"'],
  ])('%s', (value, text) => expect(q.term('service', value)).toBe(text));
});

describe('adding and removing terms', () => {
  it('adds once', () => {
    expect(q.addTerm('', 'a:1')).toBe('a:1');
    expect(q.addTerm('x', 'a:1')).toBe('x a:1');
    expect(q.addTerm('x a:1', 'a:1')).toBe('x a:1');
  });

  it('keeps the meaning of OR', () => {
    expect(q.addTerm('a OR b', 'c:1')).toBe('(a OR b) c:1');
    expect(q.addTerm('"x OR y"', 'c:1')).toBe('("x OR y") c:1');
  });

  it('toggles terms with quoted values', () => {
    const wanted = q.term('name', 'GET /a b');
    const added = q.toggleTerm('x y', wanted);
    expect(added).toBe('x y name:"GET /a b"');
    expect(q.toggleTerm(added, wanted)).toBe('x y');
  });

  it('restricts to an environment', () => {
    expect(q.withEnvironment('a OR b', 'prod')).toBe('(a OR b) env:prod');
    expect(q.withEnvironment(' a ', undefined)).toBe('a');
  });
});

describe('completionAt', () => {
  it('offers fields at a new word', () => {
    expect(q.completionAt('', 0)).toEqual({ kind: 'field', field: '', prefix: '', start: 0, end: 0 });
    expect(q.completionAt('a:1 ser', 7)).toEqual({ kind: 'field', field: '', prefix: 'ser', start: 4, end: 7 });
    expect(q.completionAt('-ser', 4)).toEqual({ kind: 'field', field: '', prefix: 'ser', start: 1, end: 4 });
  });

  it('offers values after the colon and after a comma', () => {
    expect(q.completionAt('service:ch', 10)).toEqual({
      kind: 'value',
      field: 'service',
      prefix: 'ch',
      start: 8,
      end: 10,
    });
    expect(q.completionAt('service:cart,ch', 15)).toMatchObject({
      kind: 'value',
      field: 'service',
      prefix: 'ch',
      start: 13,
    });
    expect(q.completionAt('level>=wa', 9)).toMatchObject({ kind: 'value', field: 'level', prefix: 'wa' });
  });

  it('stays quiet inside a phrase', () => expect(q.completionAt('"card dec', 9)).toBeNull());
});

describe('asTraceId', () => {
  it('takes 32 hexadecimal digits with or without dashes', () => {
    const id = '0af7651916cd43dd8448eb211c80319c';
    expect(q.asTraceId(` ${id.toUpperCase()} `)).toBe(id);
    expect(q.asTraceId('0af76519-16cd-43dd-8448-eb211c80319c')).toBe(id);
    expect(q.asTraceId('checkout')).toBeNull();
  });
});
