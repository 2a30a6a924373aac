// The files of the bundle, with what the draft does to each.
import { Link } from '@tanstack/react-router';
import { FileCode2, FilePlus2 } from 'lucide-react';
import { useState } from 'react';
import type { Checked } from '../api/client';
import { Button, Field } from '../kit/controls';
import { Glyph } from '../kit/glyph';
import { type Draft, wrongPath } from './draft';

type Props = { paths: readonly string[]; draft: Draft | undefined; inBase: ReadonlySet<string>; current: string | undefined; rev: string | undefined; checked: Checked | undefined; onNew?: ((path: string) => void) | undefined };

function Row({ path, draft, inBase, current, rev, checked }: Omit<Props, 'paths' | 'onNew'> & { path: string }) {
  const gone = draft?.removed.includes(path);
  const word = gone ? 'removed' : draft && path in draft.files ? (inBase.has(path) ? 'changed' : 'new') : undefined;
  const findings = checked?.findings.filter((finding) => finding.file === path) ?? [];
  const errors = findings.filter((finding) => finding.grade !== 'warning').length;
  return (
    <li>
      <Link to="/policies" search={rev ? { file: path, rev } : { file: path }} aria-current={current === path ? 'true' : undefined} className="flex min-h-7 items-center gap-2 rounded-m px-2 hover:bg-s2 aria-[current]:bg-s3 max-md:min-h-11">
        <FileCode2 className="size-4 shrink-0 text-text3" aria-hidden /><span className={`mono truncate ${gone ? 'line-through' : ''}`}>{path.split('/').at(-1)}</span>
        <span className="ms-auto flex shrink-0 items-center gap-1.5 text-meta text-text2">{word && <span className="text-accent">{word}</span>}{findings.length > 0 && <><Glyph tone={errors ? 'bad' : 'warn'} /><span>{findings.length}<span className="sr-only"> {errors ? 'findings' : 'warnings'}</span></span></>}</span>
      </Link>
    </li>
  );
}

export function Tree({ paths, onNew, ...rest }: Props) {
  const [making, setMaking] = useState(false);
  const [path, setPath] = useState('policies/');
  const folders = new Map<string, string[]>();
  for (const one of paths) { const folder = one.split('/').slice(0, -1).join('/'); folders.set(folder, [...(folders.get(folder) ?? []), one]); }
  const wrong = wrongPath(path.trim(), paths);
  const make = () => { if (wrong) return; onNew?.(path.trim()); setMaking(false); setPath('policies/'); };
  return (
    <nav aria-label="Files of the bundle">
      {[...folders].sort(([a], [b]) => a.localeCompare(b)).map(([folder, held]) => (
        <div key={folder} className="mb-3">
          <p className="mono px-2 pb-1 text-meta text-text2">{folder ? `${folder}/` : 'bundle'}</p>
          <ul>{held.map((one) => <Row key={one} path={one} {...rest} />)}</ul>
        </div>
      ))}
      {onNew && !making && <Button size="s" look="ghost" className="w-full justify-start! max-md:h-11" onClick={() => setMaking(true)}><FilePlus2 className="size-4" aria-hidden />New file</Button>}
      {onNew && making && (
        <form aria-label="New file" className="space-y-2 p-2" onSubmit={(e) => { e.preventDefault(); make(); }}>
          <Field label="Path" mono autoFocus value={path} onChange={(e) => setPath(e.target.value)} spellCheck={false} autoCapitalize="none" autoComplete="off" fault={path.length > 9 ? wrong : undefined} />
          <div className="flex gap-2"><Button type="submit" size="s" disabled={Boolean(wrong)}>Make it</Button><Button size="s" look="ghost" onClick={() => setMaking(false)}>Leave it</Button></div>
        </form>
      )}
    </nav>
  );
}
