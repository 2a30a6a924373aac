// One of several, and some of several: a list to choose from, and a group of ticks.
import { type ReactNode, type SelectHTMLAttributes, useId } from 'react';

export function Select({ label, hint, options, className = '', ...rest }: SelectHTMLAttributes<HTMLSelectElement> & { label: string; hint?: ReactNode; options: readonly (readonly [string, string])[] }) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="font-medium">{label}</label>
      <select id={id} {...rest} aria-describedby={hint ? `${id}-hint` : undefined} className="mt-1 h-9 w-full rounded-m border border-edge bg-bg px-2 max-md:h-11 max-md:text-lead">{options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}</select>
      {hint && <p id={`${id}-hint`} className="mt-1 text-meta text-text3">{hint}</p>}
    </div>
  );
}

export function Tick({ on, onChange, children, name }: { on: boolean; onChange: (on: boolean) => void; children: ReactNode; name?: string }) {
  return <label className="flex min-h-7 min-w-0 items-center gap-2 max-md:min-h-11"><input type="checkbox" aria-label={name} className="size-4 shrink-0 accent-(--accent-solid)" checked={on} onChange={(e) => onChange(e.target.checked)} />{children}</label>;
}

/** Buttons of which one is pressed: how much of a list is shown. */
export function Choice<T extends string>({ label, value, onChange, options }: { label: string; value: T; onChange: (value: T) => void; options: readonly (readonly [T, string])[] }) {
  return (
    <div role="group" aria-label={label} className="flex flex-wrap gap-1">
      {options.map(([id, text]) => <button key={id} type="button" aria-pressed={value === id} onClick={() => onChange(id)} className="rounded-m px-2.5 py-1 text-text2 hover:bg-s2 aria-pressed:bg-s3 aria-pressed:text-text max-md:min-h-11">{text}</button>)}
    </div>
  );
}
