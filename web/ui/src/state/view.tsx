// SPDX-License-Identifier: Apache-2.0
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react';
import type { Zone } from '@/lib/time';
import { usePatchSearch, usePathname, useSearchParams } from './navigation';
import { defaultRange, isRelative, type RawRange, resolveRange, toIso } from './url';

export interface View {
  raw: RawRange;
  range: { start: number; end: number };
  zone: Zone;
  env: string | undefined;
  /** Seconds between refreshes, 0 when off. */
  refresh: number;
  nowMs: number;
  canUndoZoom: boolean;
  setRange: (raw: RawRange) => void;
  zoom: (start: number, end: number) => void;
  undoZoom: () => void;
  refreshNow: () => void;
}

const ViewContext = createContext<View | null>(null);

const wholeSecond = () => Math.floor(Date.now() / 1000) * 1000;
/** A page opened later than this gets a fresh "now" for its relative range. */
const staleAfterMs = 10_000;

export function ViewProvider({ children }: { children: ReactNode }) {
  const search = useSearchParams();
  const patch = usePatchSearch();
  const path = usePathname();
  const queries = useQueryClient();
  const [nowMs, setNowMs] = useState(wholeSecond);
  const [undo, setUndo] = useState<RawRange[]>([]);
  const from = search.from ?? defaultRange.from;
  const to = search.to ?? defaultRange.to;
  const raw = useMemo(() => ({ from, to }), [from, to]);
  const range = useMemo(() => resolveRange(raw, nowMs), [raw, nowMs]);
  const refresh = Number(search.refresh ?? 0) || 0;

  const refreshNow = useCallback(() => {
    setNowMs(wholeSecond());
    if (!isRelative(raw)) void queries.invalidateQueries();
  }, [raw, queries]);

  useEffect(() => {
    if (refresh <= 0) return;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') refreshNow();
    }, refresh * 1000);
    return () => clearInterval(timer);
  }, [refresh, refreshNow]);

  const lastPath = useRef(path);
  useEffect(() => {
    if (lastPath.current === path) return;
    lastPath.current = path;
    setNowMs((old) => (Date.now() - old > staleAfterMs ? wholeSecond() : old));
  }, [path]);

  const setRange = useCallback(
    (next: RawRange) => {
      setNowMs(wholeSecond());
      const isDefault = next.from === defaultRange.from && next.to === defaultRange.to;
      patch(isDefault ? { from: undefined, to: undefined } : { from: next.from, to: next.to }, { push: true });
    },
    [patch],
  );

  const zoom = useCallback(
    (start: number, end: number) => {
      if (end - start < 0.05) return;
      setUndo((stack) => [...stack.slice(-19), raw]);
      patch({ from: toIso(start), to: toIso(end) }, { push: true });
    },
    [raw, patch],
  );

  const undoZoom = useCallback(() => {
    const last = undo.at(-1);
    if (!last) return;
    setUndo(undo.slice(0, -1));
    setRange(last);
  }, [undo, setRange]);

  const zone: Zone = search.tz === 'utc' ? 'utc' : 'local';
  const { env } = search;
  const canUndoZoom = undo.length > 0;
  const value = useMemo(
    () => ({ raw, range, zone, env, refresh, nowMs, canUndoZoom, setRange, zoom, undoZoom, refreshNow }),
    [raw, range, zone, env, refresh, nowMs, canUndoZoom, setRange, zoom, undoZoom, refreshNow],
  );
  return <ViewContext.Provider value={value}>{children}</ViewContext.Provider>;
}

/** Time range, zone and environment that all pages share. */
export function useView(): View {
  const view = useContext(ViewContext);
  if (!view) throw new Error('useView outside of ViewProvider');
  return view;
}
