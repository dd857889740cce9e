// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';

export type LedgerSignal = 'metrics' | 'traces' | 'logs';

export interface LedgerRow {
  minute: string;
  signal: LedgerSignal;
  source: string;
  received: number;
  accepted: number;
  refused: Record<string, number>;
  stored: number;
  rejected: Record<string, number>;
  resent: number;
}

export interface LedgerTotal {
  signal: LedgerSignal;
  received: number;
  accepted: number;
  refused: number;
  stored: number;
  rejected: number;
  resent: number;
  in_flight: number;
  balanced: boolean;
}

export interface BusTopic {
  topic: string;
  partition: number;
  first_offset: number;
  next_offset: number;
  committed_offset: number;
  lag_records: number;
  bytes: number;
  limit_bytes: number;
  oldest: string | null;
}

export interface Ledger {
  rows: LedgerRow[];
  totals: LedgerTotal[];
  bus: BusTopic[];
  warnings: string[];
}

export const useLedger = (range: Range) =>
  useQuery({
    queryKey: ['ledger', range.start, range.end],
    queryFn: ({ signal }) => request<Ledger>('/api/v1/ledger', { params: { ...range }, signal }),
    placeholderData: keepPreviousData,
  });
