// What a person typed into the command bar, as the API takes it: a program with its arguments, or a line for a shell.
export type Asked = { argv: string[] } | { shell: string };

/** What only a shell understands, outside of quotes. */
const SHELL = /[|&;<>()$`*?[\]{}~#!\n]/;

/** The words of a line with quotes taken away; nothing if a quote is left open or a shell is needed. */
export function words(line: string): string[] | undefined {
  const out: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? '';
    if (quote) {
      if (char === quote) quote = undefined;
      else if (quote === '"' && (char === '$' || char === '`')) return undefined;
      else if (quote === '"' && char === '\\' && /["\\]/.test(line[i + 1] ?? '')) word = (word ?? '') + (line[++i] ?? '');
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") { quote = char; word ??= ''; }
    else if (char === '\\' && i + 1 < line.length) word = (word ?? '') + (line[++i] ?? '');
    else if (/\s/.test(char) && char !== '\n') { if (word !== undefined) out.push(word); word = undefined; }
    else if (SHELL.test(char)) return undefined;
    else word = (word ?? '') + char;
  }
  if (quote) return undefined;
  if (word !== undefined) out.push(word);
  // `NAME=value program` is a shell's way of saying it.
  return /^\w+=/.test(out[0] ?? '') ? undefined : out;
}

export function asked(line: string): Asked | undefined {
  const trimmed = line.trim();
  if (!trimmed) return undefined;
  const argv = words(trimmed);
  return argv ? { argv } : { shell: trimmed };
}
