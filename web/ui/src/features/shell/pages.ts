// SPDX-License-Identifier: Apache-2.0
import {
  IconActivityHeartbeat,
  IconAffiliate,
  IconBell,
  IconChartLine,
  IconDatabase,
  IconFileText,
  IconLayoutDashboard,
  IconRobot,
  IconServer,
  IconSettings,
  IconStack2,
  IconTimeline,
} from '@tabler/icons-react';

/** The server itself answers /metrics, so the page of metrics has another address. */
export const pages = [
  { path: '/', label: 'nav.overview', key: 'o', icon: IconLayoutDashboard },
  { path: '/services', label: 'nav.services', key: 's', icon: IconAffiliate },
  { path: '/traces', label: 'nav.traces', key: 't', icon: IconTimeline },
  { path: '/logs', label: 'nav.logs', key: 'l', icon: IconFileText },
  { path: '/explore', label: 'nav.metrics', key: 'm', icon: IconChartLine },
  { path: '/hosts', label: 'nav.hosts', key: 'h', icon: IconServer },
  { path: '/middleware', label: 'nav.middleware', key: 'w', icon: IconDatabase },
  { path: '/rollups', label: 'nav.rollups', key: 'r', icon: IconStack2 },
  { path: '/alerts', label: 'nav.alerts', key: 'a', icon: IconBell },
  { path: '/agents', label: 'nav.agents', key: 'g', icon: IconRobot },
  { path: '/data-health', label: 'nav.health', key: 'd', icon: IconActivityHeartbeat },
  { path: '/settings', label: 'nav.settings', key: ',', icon: IconSettings },
] as const;

export function isActive(path: string, current: string): boolean {
  return path === '/' ? current === '/' : current === path || current.startsWith(`${path}/`);
}
