// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import en from './en.json';
import zh from './zh.json';

const source = join(process.cwd(), 'src');

function sourceFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

const plural = /_(one|other)$/;
const keys = new Set(Object.keys(en).map((key) => key.replace(plural, '')));
const prefixes = new Set([...keys].map((key) => key.split('.')[0]));
const text = sourceFiles(source)
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

const placeholders = (value: string) => [...value.matchAll(/\{\{(\w+)\}\}/g)].map((m) => m[1]).sort();

/** Every quoted string that has the form of a key: a known area, a dot, a name. */
function usedKeys(): Set<string> {
  const out = new Set<string>();
  for (const [, key = ''] of text.matchAll(/['"`]([a-zA-Z]+(?:\.[a-zA-Z]+)+)['"`]/g)) {
    if (prefixes.has(key.split('.')[0])) out.add(key);
  }
  return out;
}

/** t(`area.${value}`) as an expression that matches the keys it can mean. */
function usedPatterns(): RegExp[] {
  const found = [...text.matchAll(/\bt\(\s*`([^`]+)`/g)].map((m) => m[1] ?? '');
  return found.map(
    (template) =>
      new RegExp(
        `^${template
          .split(/\$\{[^}]+\}/)
          .map((part) => part.replaceAll('.', '\\.'))
          .join('[a-zA-Z]+')}$`,
      ),
  );
}

describe('catalogues', () => {
  it('have the same keys in both languages', () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
  });

  it('have no empty texts and the same placeholders', () => {
    for (const [key, value] of Object.entries(en)) {
      const other = (zh as Record<string, string>)[key] ?? '';
      expect(value, key).not.toBe('');
      expect(other, key).not.toBe('');
      expect(placeholders(other), key).toEqual(placeholders(value));
    }
  });

  it('have every key that the source uses', () => {
    // Names of OpenTelemetry attributes look like keys and are none.
    const attributes = /^(service|host|trace|status)\.(name|version|id)$/;
    const missing = [...usedKeys()].filter((key) => !keys.has(key) && !attributes.test(key));
    expect(missing).toEqual([]);
    for (const pattern of usedPatterns()) {
      expect(
        [...keys].some((key) => pattern.test(key)),
        String(pattern),
      ).toBe(true);
    }
  });

  it('have no key that nothing uses', () => {
    const used = usedKeys();
    const patterns = usedPatterns();
    const unused = [...keys].filter((key) => !used.has(key) && !patterns.some((pattern) => pattern.test(key)));
    expect(unused).toEqual([]);
  });

  it('shout nowhere', () => {
    for (const value of [...Object.values(en), ...Object.values(zh)]) expect(value).not.toMatch(/[!！]/);
  });
});
