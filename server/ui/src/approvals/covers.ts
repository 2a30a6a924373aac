// Whether a pattern would have covered a command that ran before, read from what was recorded of it.
// Never: guesses. A command whose reading is not on record is not counted as covered.
import type { Command } from '../api/client';
import type { Decision } from '../command/decision';

export type Wish = { principal: string; level: string; programs: readonly string[]; effects: readonly string[]; line?: string | undefined; hosts: ReadonlySet<string> };

const LEVELS = ['observe', 'diagnose', 'remediate', 'destroy'];

/** A line of a pattern, in which `*` is any text. */
export function fits(pattern: string | undefined, line: string): boolean {
  if (!pattern) return true;
  return new RegExp(`^${pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')}$`).test(line);
}

/** What can be said without the reading: a first look over many. */
export function mayCover(wish: Wish, command: Pick<Command, 'requester_name' | 'level' | 'line' | 'probe' | 'shell'>): boolean {
  return command.requester_name === wish.principal && command.shell === undefined && wish.hosts.has(command.probe)
    && LEVELS.indexOf(command.level) >= 0 && LEVELS.indexOf(command.level) <= LEVELS.indexOf(wish.level) && fits(wish.line, command.line);
}

export function covers(wish: Wish, command: Pick<Command, 'requester_name' | 'level' | 'line' | 'probe' | 'shell' | 'decision'>): boolean {
  const read = (command.decision as Decision | undefined)?.classification;
  if (!read || !mayCover(wish, command)) return false;
  return read.parsed && read.known && read.programs.length > 0 && read.programs.every((program) => wish.programs.includes(program))
    && (wish.effects.length === 0 || read.effects.every((effect) => wish.effects.includes(effect)));
}
