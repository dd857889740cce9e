// SPDX-License-Identifier: Apache-2.0
import { useElementSize } from '@mantine/hooks';
import { type PointerEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useDark } from '@/components/blocks';
import { entityColor } from '@/theme/colors';
import c from './trace-timeline.module.css';
import type { TraceTree } from './tree';
import type { Window } from './waterfall';

interface MinimapProps {
  tree: TraceTree;
  rows: Int32Array;
  durationNs: number;
  window: Window | null;
  onWindow: (window: Window | null) => void;
  /** Where in the list a click points, 0…1. */
  onJump: (part: number) => void;
}

const height = 56;

/** The whole trace in one picture. Drag selects a part of the time, a click scrolls there, a double click shows all. */
export function Minimap({ tree, rows, durationNs, window, onWindow, onJump }: MinimapProps) {
  const { t } = useTranslation();
  const dark = useDark();
  const { ref, width } = useElementSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);

  useEffect(() => {
    const ctx = canvas.current?.getContext('2d');
    if (!ctx || width === 0) return;
    const ratio = devicePixelRatio;
    ctx.canvas.width = width * ratio;
    ctx.canvas.height = height * ratio;
    ctx.scale(ratio, ratio);
    const line = Math.max(1, Math.min(4, (height / Math.max(1, rows.length)) * 0.8));
    // More rows than pixels: draw a sample of the ordinary ones, and every error.
    const stride = Math.max(1, Math.floor(rows.length / 6000));
    const colors = new Map<string, string>();
    const total = Math.max(1, durationNs);
    for (let i = 0; i < rows.length; i++) {
      const span = tree.spans[rows[i] as number];
      if (!span) continue;
      const bad = span.status === 'error';
      if (!bad && i % stride !== 0) continue;
      let color = colors.get(span.service);
      if (!color) {
        color = entityColor(span.service, dark);
        colors.set(span.service, color);
      }
      ctx.fillStyle = bad ? (dark ? '#e5534b' : '#d64541') : color;
      ctx.globalAlpha = bad ? 1 : 0.7;
      const x = (span.offset_ns / total) * width;
      ctx.fillRect(x, 2 + (i / rows.length) * (height - 4), Math.max(1, (span.duration_ns / total) * width), line);
    }
  }, [tree, rows, durationNs, width, dark]);

  const part = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  const release = (event: PointerEvent<HTMLDivElement>) => {
    if (!drag) return;
    const [a, b] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    setDrag(null);
    if (b - a > 0.005) {
      onWindow({ from: a * durationNs, to: b * durationNs });
    } else {
      const box = event.currentTarget.getBoundingClientRect();
      onJump((event.clientY - box.top) / box.height);
    }
  };
  const shown = drag
    ? { left: Math.min(drag.from, drag.to), right: Math.max(drag.from, drag.to) }
    : window && { left: window.from / durationNs, right: window.to / durationNs };
  return (
    <div
      ref={ref}
      className={c.minimap}
      role="img"
      aria-label={t('trace.minimap')}
      title={t('trace.minimapHint')}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ from: part(event), to: part(event) });
      }}
      onPointerMove={(event) => drag && setDrag({ ...drag, to: part(event) })}
      onPointerUp={release}
      onDoubleClick={() => onWindow(null)}
    >
      <canvas ref={canvas} style={{ width: '100%', height }} />
      {shown && (
        <>
          <span className={c.shade} style={{ left: 0, width: `${shown.left * 100}%` }} />
          <span className={c.shade} style={{ right: 0, width: `${(1 - shown.right) * 100}%` }} />
        </>
      )}
    </div>
  );
}
