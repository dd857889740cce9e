// SPDX-License-Identifier: Apache-2.0
import type { RollupAnswer, RollupGroup } from '@/api/rollups';
import { entityColor, paletteColor } from '@/theme/colors';

export const groupKey = (group: RollupGroup) => JSON.stringify(group.values.map((v) => [v.other, v.value]));

/** The colour of each group: that of its name on every page, or a free one where two that are shown would be the same. */
export function colorsOf(groups: readonly RollupGroup[], dark: boolean): Map<string, string> {
  const out = new Map<string, string>();
  const used = new Set<string>();
  for (const group of groups) {
    const own = entityColor(group.values.map((v) => v.value).join(' '), dark);
    let color = own;
    for (let i = 0; used.has(color) && i < 10; i++) color = paletteColor(i, dark);
    if (used.has(color)) color = own;
    used.add(color);
    out.set(groupKey(group), color);
  }
  return out;
}

/** Starts of the points, in Unix seconds, without the last when its time is not over. */
export function timesOf(answer: RollupAnswer, nowMs: number): number[] {
  const every = answer.every_seconds;
  const start = Date.parse(answer.range.start) / 1000;
  const end = Math.min(Date.parse(answer.range.end), nowMs) / 1000;
  if (every <= 0) return [];
  return Array.from({ length: Math.max(0, Math.floor((end - start) / every)) }, (_, i) => start + i * every);
}

/** The values of a group at the times. Where others had events and it had no point, it had none, unless they may be among the folded. */
export function valuesAt(
  group: RollupGroup,
  index: number,
  times: readonly number[],
  counted: ReadonlySet<number> | null,
) {
  const by = new Map(group.points?.map((p) => [Date.parse(p.time) / 1000, p.measures[index] ?? null]));
  return times.map((time) => by.get(time) ?? (counted?.has(time) ? 0 : null));
}

/** The times at which something was counted and nothing was folded: what has no point there had no event. */
export function countedTimes(answer: RollupAnswer): Set<number> {
  const times = (groups: readonly RollupGroup[]) =>
    groups.flatMap((group) => group.points ?? []).map((p) => Date.parse(p.time) / 1000);
  const out = new Set(times(answer.groups));
  for (const time of times(answer.others)) out.delete(time);
  return out;
}
