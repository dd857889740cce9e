// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';
import type { Schema } from './types';

export type Ledger = Schema<'LedgerAnswer'>;
export type LedgerRow = Schema<'LedgerRow'>;
export type LedgerTotal = Schema<'LedgerTotal'>;
export type LedgerSignal = LedgerRow['signal'];
export type BusTopic = Schema<'BusRow'>;

export const useLedger = (range: Range) =>
  useQuery({
    queryKey: ['ledger', range.start, range.end],
    queryFn: ({ signal }) => request<Ledger>('/api/v1/ledger', { params: { ...range }, signal }),
    placeholderData: keepPreviousData,
  });
