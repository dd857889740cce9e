// SPDX-License-Identifier: Apache-2.0
import c from './components.module.css';

/** Rows of a table that is on its way. Appears only after 150 ms (in the style sheet). */
export function RowsSkeleton({ rows = 8, height = 20 }: { rows?: number; height?: number }) {
  return (
    <div className={c.skeleton} aria-hidden data-testid="skeleton">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className={c.bone} style={{ height, width: `${96 - ((i * 7) % 22)}%` }} />
      ))}
    </div>
  );
}

export function ChartSkeleton({ height }: { height: number }) {
  return (
    <div className={c.skeleton} aria-hidden style={{ padding: 0 }}>
      <div className={c.bone} style={{ height }} />
    </div>
  );
}

export function PageSkeleton() {
  return (
    <>
      <div className={c.skeleton} aria-hidden>
        <div className={c.bone} style={{ height: 28, width: '40%' }} />
        <div className={c.bone} style={{ height: 140 }} />
      </div>
      <RowsSkeleton />
    </>
  );
}
