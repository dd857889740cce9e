// SPDX-License-Identifier: Apache-2.0
import { none } from './format';

export type Zone = 'local' | 'utc';

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

interface Parts {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  ms: number;
}

export function parts(date: Date, zone: Zone): Parts {
  return zone === 'utc'
    ? {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
        ms: date.getUTCMilliseconds(),
      }
    : {
        year: date.getFullYear(),
        month: date.getMonth() + 1,
        day: date.getDate(),
        hour: date.getHours(),
        minute: date.getMinutes(),
        second: date.getSeconds(),
        ms: date.getMilliseconds(),
      };
}

function toDate(value: string | number | null | undefined): Date | null {
  if (value === null || value === undefined || value === '') return null;
  const date = typeof value === 'number' ? new Date(value * 1000) : new Date(value);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** 2026-03-01 12:34:56 in the given zone. Numbers are Unix seconds. */
export function formatTime(value: string | number | null | undefined, zone: Zone, ms = false): string {
  const date = toDate(value);
  if (!date) return none;
  const p = parts(date, zone);
  const time = `${pad(p.hour)}:${pad(p.minute)}:${pad(p.second)}${ms ? `.${pad(p.ms, 3)}` : ''}`;
  return `${p.year}-${pad(p.month)}-${pad(p.day)} ${time}`;
}

/** 03-01 12:34:56.789: the compact form of lists. */
export function formatStamp(value: string | number | null | undefined, zone: Zone): string {
  const date = toDate(value);
  if (!date) return none;
  const p = parts(date, zone);
  return `${pad(p.month)}-${pad(p.day)} ${pad(p.hour)}:${pad(p.minute)}:${pad(p.second)}.${pad(p.ms, 3)}`;
}

/** Label of a time axis whose marks are stepSeconds apart. */
export function formatAxis(seconds: number, stepSeconds: number, zone: Zone): string {
  const p = parts(new Date(seconds * 1000), zone);
  if (stepSeconds >= 86400) return `${pad(p.month)}-${pad(p.day)}`;
  if (p.hour === 0 && p.minute === 0 && p.second === 0) return `${pad(p.month)}-${pad(p.day)}`;
  if (stepSeconds >= 60) return `${pad(p.hour)}:${pad(p.minute)}`;
  return `${pad(p.hour)}:${pad(p.minute)}:${pad(p.second)}`;
}

export interface Relative {
  key: 'time.now' | 'time.secondsAgo' | 'time.minutesAgo' | 'time.hoursAgo' | 'time.daysAgo' | 'time.never';
  n: number;
}

/** How long ago, as a catalogue key and its number. */
export function relative(value: string | null | undefined, nowMs: number): Relative {
  const date = toDate(value);
  if (!date) return { key: 'time.never', n: 0 };
  const seconds = Math.round((nowMs - date.getTime()) / 1000);
  if (seconds < 5) return { key: 'time.now', n: 0 };
  if (seconds < 90) return { key: 'time.secondsAgo', n: seconds };
  if (seconds < 90 * 60) return { key: 'time.minutesAgo', n: Math.round(seconds / 60) };
  if (seconds < 36 * 3600) return { key: 'time.hoursAgo', n: Math.round(seconds / 3600) };
  return { key: 'time.daysAgo', n: Math.round(seconds / 86400) };
}

/** Parses what a person types: 2026-03-01 12:34, 2026-03-01T12:34:56Z, 12:34, or now-15m. */
export function parseTyped(text: string, zone: Zone, now: Date): string | null {
  const trimmed = text.trim();
  if (/^now(-\d+(s|m|h|d|w))?$/.test(trimmed)) return trimmed;
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(trimmed);
  const today = parts(now, zone);
  const full = clock
    ? `${today.year}-${pad(today.month)}-${pad(today.day)} ${pad(Number(clock[1]))}:${clock[2]}:${clock[3] ?? '00'}`
    : trimmed;
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?)?(Z)?$/.exec(full);
  if (!match) return null;
  const iso = `${match[1]}-${match[2]}-${match[3]}T${match[4] ?? '00'}:${match[5] ?? '00'}:${match[6] ?? '00'}${match[7] ?? ''}`;
  const date = new Date(zone === 'utc' || match[8] ? `${iso}Z` : iso);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
