// Which language a file of a bundle is in; here, so that asking does not load an editor.
export type Language = 'cedar' | 'rhai' | 'toml' | 'plain';

export function languageOf(path: string): Language {
  if (/\.cedar(schema)?$/.test(path)) return 'cedar';
  if (path.endsWith('.rhai')) return 'rhai';
  return path.endsWith('.toml') ? 'toml' : 'plain';
}
