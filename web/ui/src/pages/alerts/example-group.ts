// SPDX-License-Identifier: Apache-2.0

/** What a new group starts as. */
export const exampleGroup = `name: hosts
interval: 30s
rules:
  - alert: HostHighLoad
    expr: system_cpu_load_average_5m > 8
    for: 5m
    labels:
      severity: warning
    annotations:
      summary: "Load of {{ $labels.host_name }} is {{ $value }}"
`;
