// SPDX-License-Identifier: Apache-2.0
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { NotFound } from './components/not-found';
import { PageError } from './components/page-error';
import { PageSkeleton } from './components/skeleton';
import { Shell } from './features/shell/shell';
import { exploreOfGraph, parseSearch, type Search, stringifySearch } from './state/url';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const page = <P extends string>(path: P, component: ReturnType<typeof lazyRouteComponent>) =>
  createRoute({ getParentRoute: () => root, path, component });

const routeTree = root.addChildren([
  page(
    '/',
    lazyRouteComponent(() => import('./pages/overview/overview.page'), 'OverviewPage'),
  ),
  page(
    '/services',
    lazyRouteComponent(() => import('./pages/services/services.page'), 'ServicesPage'),
  ),
  page(
    '/services/$name',
    lazyRouteComponent(() => import('./pages/services/service.page'), 'ServicePage'),
  ),
  page(
    '/traces',
    lazyRouteComponent(() => import('./pages/traces/traces.page'), 'TracesPage'),
  ),
  page(
    '/traces/$traceId',
    lazyRouteComponent(() => import('./pages/traces/trace.page'), 'TracePage'),
  ),
  page(
    '/logs',
    lazyRouteComponent(() => import('./pages/logs/logs.page'), 'LogsPage'),
  ),
  page(
    '/explore',
    lazyRouteComponent(() => import('./pages/metrics/metrics.page'), 'MetricsPage'),
  ),
  // Prometheus's address of a graph, which graphLink and tableLink of alert templates make.
  createRoute({
    getParentRoute: () => root,
    path: '/graph',
    beforeLoad: ({ search }) => {
      throw redirect({ to: '/explore', search: exploreOfGraph(search as Search) as never, replace: true });
    },
  }),
  page(
    '/hosts',
    lazyRouteComponent(() => import('./pages/hosts/hosts.page'), 'HostsPage'),
  ),
  page(
    '/hosts/$name',
    lazyRouteComponent(() => import('./pages/hosts/host.page'), 'HostPage'),
  ),
  page(
    '/middleware',
    lazyRouteComponent(() => import('./pages/middleware/middleware.page'), 'MiddlewarePage'),
  ),
  page(
    '/middleware/$kind/$instance',
    lazyRouteComponent(() => import('./pages/middleware/instance.page'), 'InstancePage'),
  ),
  page(
    '/rollups',
    lazyRouteComponent(() => import('./pages/rollups/rollups.page'), 'RollupsPage'),
  ),
  page(
    '/rollups/new',
    lazyRouteComponent(() => import('./pages/rollups/form.page'), 'RollupFormPage'),
  ),
  page(
    '/rollups/$id',
    lazyRouteComponent(() => import('./pages/rollups/rollup.page'), 'RollupPage'),
  ),
  page(
    '/rollups/$id/edit',
    lazyRouteComponent(() => import('./pages/rollups/form.page'), 'RollupFormPage'),
  ),
  page(
    '/alerts',
    lazyRouteComponent(() => import('./pages/alerts/alerts.page'), 'AlertsPage'),
  ),
  page(
    '/agents',
    lazyRouteComponent(() => import('./pages/agents/agents.page'), 'AgentsPage'),
  ),
  page(
    '/agents/$id',
    lazyRouteComponent(() => import('./pages/agents/agent.page'), 'AgentPage'),
  ),
  page(
    '/data-health',
    lazyRouteComponent(() => import('./pages/health/health.page'), 'HealthPage'),
  ),
  page(
    '/settings',
    lazyRouteComponent(() => import('./pages/settings/settings.page'), 'SettingsPage'),
  ),
]);

export const router = createRouter({
  routeTree,
  parseSearch,
  stringifySearch,
  defaultPendingComponent: PageSkeleton,
  defaultPendingMs: 150,
  defaultErrorComponent: PageError,
  scrollRestoration: false,
});
