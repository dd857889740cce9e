// SPDX-License-Identifier: Apache-2.0

export interface DiffLine {
  kind: 'same' | 'added' | 'removed';
  text: string;
}

/** Lines of two texts by their longest common subsequence. Configurations are small; past the bound they are shown one after the other. */
export function diffLines(before: string, after: string, bound = 4_000_000): DiffLine[] {
  const a = lines(before);
  const b = lines(after);
  if (a.length * b.length > bound) {
    return [...a.map((text) => line('removed', text)), ...b.map((text) => line('added', text))];
  }
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j]
          ? (common[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
    }
  }
  const out: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push(line('same', a[i] ?? ''));
      i++;
      j++;
    } else if (
      i < a.length &&
      (j >= b.length || (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0))
    ) {
      out.push(line('removed', a[i++] ?? ''));
    } else {
      out.push(line('added', b[j++] ?? ''));
    }
  }
  return out;
}

const line = (kind: DiffLine['kind'], text: string): DiffLine => ({ kind, text });

const lines = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));
