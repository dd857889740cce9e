// SPDX-License-Identifier: Apache-2.0
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from './client';
import type { Range } from './services';

type Num = number | null;

export interface Host {
  name: string;
  id: string;
  os: string;
  arch: string;
  last_seen: string;
  up: boolean;
  cpu_utilization: Num;
  memory_utilization: Num;
  disk_utilization: Num;
  load1: Num;
  network_receive: Num;
  network_transmit: Num;
  disk_read: Num;
  disk_write: Num;
  sparkline: { time: number[]; cpu: Num[]; memory: Num[] };
}

export interface HostDetail {
  host: Host;
  attributes: Record<string, string>;
  filesystems: {
    mountpoint: string;
    device: string;
    type: string;
    used_bytes: Num;
    free_bytes: Num;
    utilization: Num;
  }[];
  processes: { name: string; pid: string; cpu: Num; memory_bytes: Num }[];
  services: string[];
  warnings: string[];
}

export function useHosts(range: Range) {
  return useQuery({
    queryKey: ['hosts', range.start, range.end],
    queryFn: ({ signal }) =>
      request<{ hosts: Host[]; warnings: string[] }>('/api/v1/hosts', { params: { ...range }, signal }),
    placeholderData: keepPreviousData,
  });
}

export function useHost(name: string, range: Range) {
  return useQuery({
    queryKey: ['host', name, range.start, range.end],
    queryFn: ({ signal }) =>
      request<HostDetail>(`/api/v1/hosts/${encodeURIComponent(name)}`, { params: { ...range }, signal }),
    placeholderData: (previous) => (previous?.host.name === name ? previous : undefined),
  });
}
