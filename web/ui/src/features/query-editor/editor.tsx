// SPDX-License-Identifier: Apache-2.0
import { setDiagnostics } from '@codemirror/lint';
import { type Extension, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder as placeholderText } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import c from './editor.module.css';
import { editorTheme } from './theme';

interface EditorProps {
  value: string;
  onChange: (value: string) => void;
  /** Enter runs; Shift-Enter makes a new line. Left out for editors of whole documents. */
  onSubmit?: () => void;
  label: string;
  placeholder?: string;
  /** Must be stable: the editor is built once. */
  extensions: Extension;
  minHeight?: number;
  search?: boolean;
  /** What the server has against a line, 1 for the first. */
  problem?: { line: number; message: string } | null;
}

export function Editor(props: EditorProps) {
  const { value, onChange, onSubmit, label, placeholder, extensions, minHeight, search, problem } = props;
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const live = useRef({ value, onChange, onSubmit });
  live.current = { value, onChange, onSubmit };

  useEffect(() => {
    if (!host.current) return;
    const submit = keymap.of([
      {
        key: 'Enter',
        run: () => {
          if (!live.current.onSubmit) return false;
          live.current.onSubmit();
          return true;
        },
      },
    ]);
    const editor = new EditorView({
      doc: live.current.value,
      parent: host.current,
      extensions: [
        extensions,
        // Completion accepts with Enter first, so this comes after it.
        Prec.default(submit),
        editorTheme,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label }),
        placeholder ? placeholderText(placeholder) : [],
        EditorView.updateListener.of((update) => {
          if (update.docChanged) live.current.onChange(update.state.doc.toString());
        }),
      ],
    });
    view.current = editor;
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, [extensions, label, placeholder]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  const line = problem?.line;
  const message = problem?.message;
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const found =
      line === undefined ? null : editor.state.doc.line(Math.min(Math.max(line, 1), editor.state.doc.lines));
    const diagnostics =
      found && message ? [{ from: found.from, to: found.to, severity: 'error' as const, message }] : [];
    editor.dispatch(setDiagnostics(editor.state, diagnostics));
    if (found) editor.dispatch({ selection: { anchor: found.from }, scrollIntoView: true });
  }, [line, message]);

  return <div ref={host} className={c.editor} style={{ minHeight }} data-search={search ? '' : undefined} />;
}
