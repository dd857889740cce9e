// SPDX-License-Identifier: Apache-2.0
interface SparklineProps {
  values: readonly (number | null)[];
  color: string;
  width?: number;
  height?: number;
  /** Upper end of the scale; the largest value when left out. */
  max?: number;
  label?: string;
}

/** Splits at gaps, so that missing data is not drawn as a line through nothing. */
export function sparkPath(
  values: readonly (number | null)[],
  width: number,
  height: number,
  max: number,
): { line: string; area: string } {
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  const y = (value: number) => height - 1 - (max > 0 ? Math.min(1, value / max) : 0) * (height - 3);
  let line = '';
  let area = '';
  let from = -1;
  for (let i = 0; i <= values.length; i++) {
    const value = values[i];
    const present = value !== null && value !== undefined && Number.isFinite(value);
    if (present) {
      const point = `${(i * step).toFixed(1)},${y(value).toFixed(1)}`;
      if (from < 0) {
        from = i;
        line += `M${point}`;
        area += `M${(i * step).toFixed(1)},${height}L${point}`;
      } else {
        line += `L${point}`;
        area += `L${point}`;
      }
    } else if (from >= 0) {
      area += `L${((i - 1) * step).toFixed(1)},${height}Z`;
      from = -1;
    }
  }
  return { line, area };
}

export function Sparkline({ values, color, width = 96, height = 22, max, label }: SparklineProps) {
  const top = max ?? values.reduce<number>((a, b) => Math.max(a, b ?? 0), 0);
  const { line, area } = sparkPath(values, width, height, top);
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label ?? ''}
      style={{ display: 'block', maxWidth: '100%' }}
    >
      <path d={area} fill={color} opacity={0.14} />
      <path
        d={line}
        fill="none"
        stroke={top > 0 ? color : 'var(--line-strong)'}
        strokeWidth={1.3}
        strokeLinejoin="round"
      />
    </svg>
  );
}
