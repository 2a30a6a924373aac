import { describe, expect, it } from 'vitest';
import { asked } from '../src/fleet/line';

describe('a line in the command bar', () => {
  it.each([
    ['uptime', ['uptime']],
    ['  systemctl   restart nginx ', ['systemctl', 'restart', 'nginx']],
    [`grep "two words" 'a|b' x\\ y`, ['grep', 'two words', 'a|b', 'x y']],
    ['echo ""', ['echo', '']],
    [`echo "say \\"hi\\""`, ['echo', 'say "hi"']],
  ])('%s runs as a program', (line, argv) => expect(asked(line)).toEqual({ argv }));

  it.each(['ps aux | grep x', 'a; b', 'echo $HOME', 'ls *.log', 'x > y', 'echo "$HOME"', 'A=1 env', 'echo "open', 'ls ~', 'cat <(x)', 'a\nb'])('%s needs a shell', (line) => expect(asked(line)).toEqual({ shell: line }));

  it('of nothing but spaces is nothing', () => expect(asked('  ')).toBeUndefined());
});
