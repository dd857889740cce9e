// SPDX-License-Identifier: Apache-2.0

/** A string of PromQL. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}

const plainMetric = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const plainLabel = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** name{a="b"}: how PromQL writes a series; other names than those of ASCII letters stand in quotes: {"订单", "地区"="b"}. */
export function seriesName(labels: Record<string, string>): string {
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(
    ([key, value]) => `${plainLabel.test(key) ? key : quoted(key)}=${quoted(value)}`,
  );
  if (name !== '' && !plainMetric.test(name)) return `{${[quoted(name), ...pairs].join(', ')}}`;
  return pairs.length === 0 ? name || '{}' : `${name}{${pairs.join(', ')}}`;
}

/** Label names whose value differs between the series; the others say nothing in a legend. */
export function varyingLabels(all: readonly Record<string, string>[]): string[] {
  const names = [...new Set(all.flatMap((labels) => Object.keys(labels)))];
  return names.filter((name) => new Set(all.map((labels) => labels[name] ?? '')).size > 1).sort();
}

/** The shortest name that still tells the series apart. */
export function shortNames(all: readonly Record<string, string>[]): string[] {
  const names = varyingLabels(all);
  return all.map((labels) => {
    if (names.length === 0) return seriesName(labels);
    return (
      names.map((name) => (names.length === 1 ? (labels[name] ?? '') : `${name}=${labels[name] ?? ''}`)).join(' ') ||
      seriesName(labels)
    );
  });
}

export interface Summary {
  last: number | null;
  average: number | null;
  max: number | null;
}

export function summarize(values: readonly (number | null)[]): Summary {
  let last: number | null = null;
  let max: number | null = null;
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === null) continue;
    last = value;
    max = max === null ? value : Math.max(max, value);
    sum += value;
    count++;
  }
  return { last, average: count > 0 ? sum / count : null, max };
}
