// SPDX-License-Identifier: Apache-2.0

/** Ten hues that stay apart for colour-blind readers, tuned for each surface. */
const darkHues = [
  '#6ea8fe',
  '#f2a65a',
  '#4fc3a1',
  '#e879a6',
  '#b79bff',
  '#e3cf57',
  '#56c7e0',
  '#f27d72',
  '#9ccc65',
  '#c49a7a',
];
const lightHues = [
  '#2f6fde',
  '#c96a12',
  '#12876a',
  '#c23b78',
  '#7c55d6',
  '#9a7d00',
  '#0d84a5',
  '#cf4238',
  '#5a8a1f',
  '#8a5a36',
];

/** Found by trying seeds until names that shops and demos use for their services got different colours. */
const seed = 2387896576;

export function hashName(name: string): number {
  let hash = seed;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 2246822507);
  hash ^= hash >>> 13;
  return hash >>> 0;
}

/** The same entity has the same colour on every page: the hue is a hash of its name. */
export function entityColor(name: string, dark: boolean): string {
  const hues = dark ? darkHues : lightHues;
  const hash = hashName(name);
  const hue = hues[hash % hues.length] ?? '#888888';
  return Math.floor(hash / hues.length) % 2 === 0 ? hue : shade(hue, dark ? 0.72 : 0.78);
}

/** A darker tone of the hue, which tells more than ten names apart without more hues. */
function shade(hex: string, factor: number): string {
  const n = Number.parseInt(hex.slice(1), 16);
  const part = (shift: number) =>
    Math.round(((n >> shift) & 255) * factor)
      .toString(16)
      .padStart(2, '0');
  return `#${part(16)}${part(8)}${part(0)}`;
}

export function paletteColor(index: number, dark: boolean): string {
  const hues = dark ? darkHues : lightHues;
  return hues[index % hues.length] ?? '#888888';
}

export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | '';

const levelDark: Record<string, string> = {
  trace: '#5d6572',
  debug: '#7f8795',
  info: '#5b8def',
  warn: '#d9a441',
  error: '#e5534b',
  fatal: '#c750c7',
  '': '#4a515d',
};
const levelLight: Record<string, string> = {
  trace: '#b4bac4',
  debug: '#939ba8',
  info: '#5c8fe6',
  warn: '#d99a1f',
  error: '#d64541',
  fatal: '#a63aa6',
  '': '#c8cdd5',
};

export const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', ''] as const;

export function levelColor(level: string, dark: boolean): string {
  const table = dark ? levelDark : levelLight;
  return table[level] ?? table[''] ?? '#888888';
}
