// SPDX-License-Identifier: Apache-2.0
import { useRouter, useRouterState } from '@tanstack/react-router';
import { type AnchorHTMLAttributes, type MouseEvent, useCallback, useMemo } from 'react';
import { globalsOf, parseSearch, type Search, stringifySearch } from './url';

/** The search part of the URL as flat strings. */
export function useSearchParams(): Search {
  const text = useRouterState({ select: (state) => state.location.searchStr });
  return useMemo(() => parseSearch(text), [text]);
}

export function usePathname(): string {
  return useRouterState({ select: (state) => state.location.pathname });
}

export type PatchSearch = (patch: Search, options?: { push?: boolean }) => void;

/** Changes some keys of the URL. Replaces the history entry unless the change is one to come back from. */
export function usePatchSearch(): PatchSearch {
  const router = useRouter();
  return useCallback(
    (patch, options) => {
      const { pathname, search } = router.history.location;
      const next = { ...parseSearch(search), ...patch };
      const href = pathname + stringifySearch(next);
      if (options?.push) router.history.push(href);
      else router.history.replace(href);
    },
    [router],
  );
}

/** An address inside the app that keeps time range, zone, environment and refresh. */
export function useHref(): (path: string, search?: Search) => string {
  const search = useSearchParams();
  return useCallback((path, own = {}) => path + stringifySearch({ ...globalsOf(search), ...own }), [search]);
}

export function useGo(): (path: string, search?: Search) => void {
  const router = useRouter();
  return useCallback(
    (path, own = {}) => {
      const globals = globalsOf(parseSearch(router.history.location.search));
      router.history.push(path + stringifySearch({ ...globals, ...own }));
    },
    [router],
  );
}

interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  to: string;
  search?: Search;
}

export function AppLink({ to, search, onClick, ...rest }: LinkProps) {
  const href = useHref()(to, search);
  const router = useRouter();
  const click = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    event.preventDefault();
    event.stopPropagation();
    router.history.push(href);
  };
  return <a {...rest} href={href} onClick={click} />;
}
