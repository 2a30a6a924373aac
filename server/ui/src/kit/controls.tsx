// Buttons, fields and what else a hand touches. All take a keyboard and say their name.
import { Check, Copy } from 'lucide-react';
import { type ButtonHTMLAttributes, type InputHTMLAttributes, type ReactNode, type TextareaHTMLAttributes, useId, useRef, useState } from 'react';

type Look = 'plain' | 'solid' | 'ok' | 'bad' | 'ghost';
const LOOK: Record<Look, string> = {
  plain: 'border border-edge/60 bg-s2 text-text hover:bg-s3',
  solid: 'border border-transparent bg-accent-solid text-on-accent hover:brightness-110',
  ok: 'border border-transparent bg-ok-solid text-on-ok hover:brightness-110',
  bad: 'border border-bad text-bad hover:bg-bad/10',
  ghost: 'border border-transparent text-text2 hover:bg-s3 hover:text-text',
};

type Size = 's' | 'm' | 'l';
export const buttonClass = (look: Look = 'plain', size: Size = 'm') =>
  `inline-flex items-center justify-center gap-1.5 rounded-m font-medium whitespace-nowrap transition-colors aria-disabled:cursor-not-allowed aria-disabled:opacity-50 disabled:cursor-not-allowed disabled:opacity-50 ${size === 'l' ? 'h-11 px-5 text-lead' : size === 's' ? 'h-7 px-2' : 'h-8 px-3 max-md:h-11'} ${LOOK[look]}`;

export function Button({ look = 'plain', size = 'm', className = '', ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & { look?: Look; size?: Size }) {
  return <button type="button" {...rest} className={`${buttonClass(look, size)} ${className}`} />;
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd aria-hidden className="hidden rounded-s border border-current/30 px-1 text-meta leading-4 lg:inline-block">{children}</kbd>;
}

const INPUT = 'w-full rounded-m border border-edge bg-bg px-3 placeholder:text-text3 aria-[invalid=true]:border-bad max-md:text-lead';

/** A labelled input. `fault` is read out with it; `hint` too. */
export function Field({ label, hint, fault, className = '', mono, ...rest }: InputHTMLAttributes<HTMLInputElement> & { label: string; hint?: ReactNode; fault?: string | undefined; mono?: boolean }) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="font-medium">{label}</label>
      <input id={id} {...rest} aria-invalid={Boolean(fault)} aria-describedby={`${id}-hint`} className={`${INPUT} mt-1 h-9 max-md:h-11 ${mono ? 'mono' : ''}`} />
      <p id={`${id}-hint`} className={`text-meta ${fault || hint ? 'mt-1' : ''} ${fault ? 'text-bad' : 'text-text3'}`}>{fault ?? hint}</p>
    </div>
  );
}

export function Area({ label, hint, className = '', ...rest }: TextareaHTMLAttributes<HTMLTextAreaElement> & { label: string; hint?: ReactNode }) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="font-medium">{label}</label>
      <textarea id={id} {...rest} aria-describedby={`${id}-hint`} className={`${INPUT} mt-1 py-2`} />
      {hint && <p id={`${id}-hint`} className="mt-1 text-meta text-text3">{hint}</p>}
    </div>
  );
}

/** Copies, and says that it did. */
/** A text that takes long to make is made when it is copied. */
export function CopyButton({ text, what, label }: { text: string | (() => string); what: string; label?: string }) {
  const [done, setDone] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === 'string' ? text : text());
      setDone(true);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setDone(false), 1_600);
    } catch { /* the text stays selectable */ }
  };
  return (
    <Button look="ghost" size="s" onClick={() => void copy()} aria-label={label ? undefined : `Copy ${what}`}>
      {done ? <Check className="size-4 text-ok" aria-hidden /> : <Copy className="size-4" aria-hidden />}{label}
      <span role="status" className="sr-only">{done ? `${what} copied` : ''}</span>
    </Button>
  );
}

/** An id: short to read, whole to copy. */
export function Id({ id }: { id: string }) {
  const cut = id.indexOf('_');
  const short = cut > 0 && id.length > cut + 10 ? `${id.slice(0, cut + 1)}…${id.slice(-6)}` : id;
  return <span className="inline-flex items-center"><code title={id} className="text-text2">{short}</code><CopyButton text={id} what={`id ${id}`} /></span>;
}
