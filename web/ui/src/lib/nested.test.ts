// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { treeOf } from './nested';

describe('nested attributes', () => {
  it('are a tree whose numbers keep their digits', () => {
    expect(treeOf('{"what":"x","n":{"id":9007199254740993,"f":-1.50e3},"list":[1,true,null]}')).toEqual({
      what: 'x',
      n: { id: '9007199254740993', f: '-1.50e3' },
      list: ['1', 'true', 'null'],
    });
    expect(treeOf('{"a \\" 12":"34"}')).toEqual({ 'a " 12': '34' });
    expect(treeOf('[]')).toEqual([]);
    expect(treeOf('[{"k":[1]}]')).toEqual([{ k: ['1'] }]);
  });
  it('leave other texts alone', () => {
    for (const text of ['', 'plain', '{broken', '[error] text', '12', '"x"']) expect(treeOf(text)).toBeNull();
  });
});
