// Taking the log along: what is narrowed here, in the form that somebody asks for. The server streams it, and each is an entry.
import { Download } from 'lucide-react';
import { within } from '../api/tenant';
import { buttonClass } from '../kit/controls';
import { DropdownMenu } from '../kit/panes';

const FORMS = [
  ['csv', 'For a spreadsheet (CSV)', 'One line an entry; what would run as a formula is kept from it.'],
  ['jsonl', 'The exact bytes (JSONL)', 'What was hashed, entry by entry.'],
  ['evidence', 'As evidence (tar)', 'Each entry with its own proof, and a manifest of digests.'],
] as const;

export function Export({ narrow }: { narrow: Partial<Record<'actor' | 'kind' | 'command' | 'probe' | 'since' | 'until', string>> }) {
  const told = Object.entries(narrow).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const address = (form: string) => within(`/api/v1/audit/download?${new URLSearchParams([['form', form], ...told])}`);
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className={buttonClass('ghost', 's')}><Download className="size-4" aria-hidden />Export</DropdownMenu.Trigger>
      <DropdownMenu.Portal container={document.getElementById('main')}>
        <DropdownMenu.Content align="end" sideOffset={6} className="z-50 w-80 max-w-[calc(100vw-2rem)] rounded-m border hair bg-s2 p-1 shadow-lift">
          <DropdownMenu.Label className="px-2 py-1.5 text-meta text-text2">{told.length ? `What is narrowed: ${told.map(([name, value]) => `${name} ${value}`).join(', ')}` : 'All entries that you reach'}</DropdownMenu.Label>
          {FORMS.map(([form, label, said]) => (
            <DropdownMenu.Item key={form} asChild><a href={address(form)} download className="block rounded-s px-2 py-1.5 outline-none data-[highlighted]:bg-s3"><span className="block">{label}</span><span className="block text-meta text-text2">{said}</span></a></DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
